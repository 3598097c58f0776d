// What the commands about releases are called and take.
import { Option, type Command } from 'commander';
import { count } from '../count-option';
import { example } from '../command-parts';
import type { Wrap } from './index';
import type { ReleaseOptions } from './release';
import type { RollbackOptions } from './rollback';
import type { TrafficOptions } from './traffic';
import type * as releaseModule from './release';
import type * as releasesModule from './releases';
import type * as rollbackModule from './rollback';
import type * as trafficModule from './traffic';

// What one command needs is loaded for that command.
const loadRelease = (): typeof releaseModule => require('./release') as typeof releaseModule;
const loadReleases = (): typeof releasesModule => require('./releases') as typeof releasesModule;
const loadRollback = (): typeof rollbackModule => require('./rollback') as typeof rollbackModule;
const loadTraffic = (): typeof trafficModule => require('./traffic') as typeof trafficModule;

const RUNNING = ['finish', 'cancel', 'move'] as const satisfies readonly RollbackOptions['running'][];
const AGENT = ['<agent>', 'its name'] as const;
const RELEASE = 'a release\'s name, its hash or the beginning of it, or "current"';

export function describeReleases(program: Command, wrap: Wrap): void {
  program
    .command('release')
    .description("keep an agent's files as they are now as a release; needs no server")
    .argument(...AGENT)
    .option('--name <name>', 'what people call it')
    .option('--note <text>', 'what is new in it')
    .option('--take', 'new runs take it at once; those of the first release do anyhow')
    .addHelpText('after', example('release refunds --name v3 --note "asks for the receipt"'))
    .action(
      wrap((context, agent: string, options: ReleaseOptions) => loadRelease().releaseCommand(context, agent, options)),
    );
  const releases = program
    .command('releases')
    .description('the releases of an agent: who takes them, who can run them; "releases diff" compares two')
    .argument(...AGENT)
    .addHelpText('after', example('releases refunds'))
    .action(wrap((context, agent: string) => loadReleases().releasesCommand(context, agent)));
  releases
    .command('diff')
    .description('what is different between two releases, all of it')
    .argument('[agent]', 'its name; without any, the releases of an agent that is called "diff" are listed')
    .argument('[from]', RELEASE)
    .argument('[to]', RELEASE)
    .addHelpText('after', example('releases diff refunds current v3'))
    .action(
      wrap((context, agent?: string, from?: string, to?: string) =>
        loadReleases().releasesDiffCommand(context, agent, from, to),
      ),
    );
  program
    .command('rollback')
    .description('new runs take the release before at once; needs neither server nor workers')
    .argument(...AGENT)
    .option('--to <release>', 'another one: its name, its hash or the beginning of it')
    .option('--why <text>', 'kept in the history')
    .addOption(
      new Option(
        '--running <what>',
        'what becomes of open runs that took it: moved ones go on with the release gone back to, from their next turn on, where they fit it; both need the server',
      )
        .choices(RUNNING)
        .default('finish'),
    )
    .addHelpText('after', example('rollback refunds --why "refuses every receipt"'))
    .action(
      wrap((context, agent: string, options: RollbackOptions) =>
        loadRollback().rollbackCommand(context, agent, options),
      ),
    );
  program
    .command('traffic')
    .description('who changed what new runs of an agent take, when and why; needs no server')
    .argument(...AGENT)
    .option('--limit <n>', 'most to show', count, 20)
    .addHelpText('after', example('traffic refunds'))
    .action(
      wrap((context, agent: string, options: TrafficOptions) => loadTraffic().trafficCommand(context, agent, options)),
    );
}
