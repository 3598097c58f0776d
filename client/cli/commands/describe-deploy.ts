// What the commands about builds of the orchestration code are called and take.
import type { Command } from 'commander';
import { age } from '../age-option';
import { count } from '../count-option';
import { example } from '../command-parts';
import type { DeployOptions, MoveOptions } from './deploy';
import type * as deployModule from './deploy';
import type { Wrap } from './index';
import type { ReplayOptions } from './replay';
import type * as replayModule from './replay';

// What one command needs is loaded for that command.
const loadDeploy = (): typeof deployModule => require('./deploy') as typeof deployModule;
const loadReplay = (): typeof replayModule => require('./replay') as typeof replayModule;

export function describeDeploy(program: Command, wrap: Wrap): void {
  const deploy = program
    .command('deploy')
    .description(
      'builds of the orchestration code: which is current, what drains, who serves them; "deploy --help" lists more',
    )
    .option('--of <deployment>', 'this one; those that serve the task queue if not given')
    .addHelpText('after', example('deploy'))
    .action(wrap((context, options: DeployOptions) => loadDeploy().deployCommand(context, options)));
  deploy
    .command('set-current')
    .description(
      'new runs begin on this build, and what all runs share goes on with it; refused where none of its workers is up',
    )
    .argument('<deployment>', 'its name, as its workers say it')
    .argument('<build>', 'as "deploy" shows it')
    .addHelpText('after', example('deploy set-current shop 2027-01-31'))
    .action(
      wrap((context, deployment: string, build: string) => loadDeploy().setCurrentCommand(context, deployment, build)),
    );
  deploy
    .command('move')
    .description('runs go on with another build; where that is the code here, only those that replay on it')
    .argument(
      '[run]',
      "id of a run, or the beginning of it that is no other run's; the runs of its sub-agents go with it",
    )
    .option('--all-of <build>', 'all open runs of this build instead')
    .requiredOption('--to <build>', 'which goes on with them')
    .option('--deployment <name>', 'where several serve the task queue')
    .addHelpText('after', example('deploy move --all-of 2027-01-24 --to 2027-01-31'))
    .action(
      wrap((context, run: string | undefined, options: MoveOptions) => loadDeploy().moveCommand(context, run, options)),
    );
  program
    .command('replay')
    .description(
      'go through histories of the task queue once more with the code here; makes no call, fails where one differs',
    )
    .option('--sample <n>', 'histories: open ones, and half or what is left of those that have ended', count, 100)
    .option('--agent <name>', 'only of its runs')
    .option('--since <time>', 'only what began within it, such as 7d', age)
    .addHelpText('after', example('replay --sample 200 --since 7d'))
    .action(wrap((context, options: ReplayOptions) => loadReplay().replayCommand(context, options)));
}
