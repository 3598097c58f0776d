// What `longhaul cost` is called and takes.
import type { Command } from 'commander';
import type { CostBy } from '../../cost/run-costs';
import { age } from '../age-option';
import { costBy, type CostOptions } from './cost';
import type { Wrap } from './index';
import type * as costModule from './cost';

// What one command needs is loaded for that command.
const loadCost = (): typeof costModule => require('./cost') as typeof costModule;

export function describeCost(program: Command, wrap: Wrap): void {
  program
    .command('cost')
    .description('what runs have cost, by their records; needs no server')
    .option(
      '--by <what>',
      'one line for each agent, release, tenant, user, model, day; of several, with commas, for each combination',
      costBy,
      ['agent'] as CostBy[],
    )
    .option('--since <time>', 'only runs that began within it, such as 7d', age)
    .option('--tenant <name>', 'only runs of this tenant')
    .option('--csv', 'as CSV, for a spreadsheet')
    .addHelpText(
      'after',
      "\nA run counts in full on the day it began. A sub-agent's run is its own line by agent and model.",
    )
    .addHelpText('after', '\nExample:\n  $ longhaul cost --by agent,model --since 7d')
    .action(wrap((context, options: CostOptions) => loadCost().costCommand(context, options)));
}
