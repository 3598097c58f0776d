// What `longhaul findings` is called and takes.
import type { Command } from 'commander';
import type { FindingsOptions } from './findings';
import type { Wrap } from './index';
import type * as findingsModule from './findings';

// What one command needs is loaded for that command.
const loadFindings = (): typeof findingsModule => require('./findings') as typeof findingsModule;

/** @param count reads a whole number from 1 */
export function describeFindings(program: Command, wrap: Wrap, count: (value: string) => number): void {
  program
    .command('findings')
    .description('where agents behave otherwise than they did, and the runs that show it; needs no server')
    .option('--agent <name>')
    .option('--limit <n>', 'at most so many', count, 20)
    .addHelpText('after', '\nExample:\n  $ longhaul findings --agent repo-analyst')
    .action(wrap((context, options: FindingsOptions) => loadFindings().findingsCommand(context, options)));
}
