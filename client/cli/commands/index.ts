// What the commands are called and take. main.ts adds those that start something; these look, act on a run, or prepare a folder.
import type { Command } from 'commander';
import { age } from '../age-option';
import type { CliContext } from '../context';
import { count } from '../count-option';
import { example, RUN } from '../command-parts';
import { describeApiKey } from './describe-api-key';
import { describeCost } from './describe-cost';
import { describeObserving } from './describe-observing';
import type { ApproveOptions, ReplaceOptions } from './decide';
import { describeDeploy } from './describe-deploy';
import { describeLooking } from './describe-looking';
import { describeReleases } from './describe-releases';
import { describeRollouts } from './describe-rollouts';
import { describeSession } from './describe-session';
import { describeShadows } from './describe-shadows';
import type { EraseOptions } from './erase';
import type { ForkCommandOptions } from './fork';
import type { GcOptions } from './gc';
import type { ReasonOptions } from './intervene';
import type { ExtendOptions } from './steer';
import type { TestOptions } from './test';
import { usd } from '../usd-option';
import type * as interveneModule from './intervene';
import type * as steerModule from './steer';
import type * as forkModule from './fork';
import type * as inboxModule from './inbox';
import type * as decideModule from './decide';
import type * as identityModule from './identity';
import type * as quotaModule from './quota';
import type * as queuesModule from './queues';
import type * as gcModule from './gc';
import type * as eraseModule from './erase';
import type * as initModule from './init';
import type * as testModule from './test';
import type * as doctorModule from './doctor';

// What one command needs is loaded for that command.
const loadIntervene = (): typeof interveneModule => require('./intervene') as typeof interveneModule;
const loadSteer = (): typeof steerModule => require('./steer') as typeof steerModule;
const loadFork = (): typeof forkModule => require('./fork') as typeof forkModule;
const loadInbox = (): typeof inboxModule => require('./inbox') as typeof inboxModule;
const loadDecide = (): typeof decideModule => require('./decide') as typeof decideModule;
const loadIdentity = (): typeof identityModule => require('./identity') as typeof identityModule;
const loadQuota = (): typeof quotaModule => require('./quota') as typeof quotaModule;
const loadQueues = (): typeof queuesModule => require('./queues') as typeof queuesModule;
const loadGc = (): typeof gcModule => require('./gc') as typeof gcModule;
const loadErase = (): typeof eraseModule => require('./erase') as typeof eraseModule;
const loadInit = (): typeof initModule => require('./init') as typeof initModule;
const loadTest = (): typeof testModule => require('./test') as typeof testModule;
const loadDoctor = (): typeof doctorModule => require('./doctor') as typeof doctorModule;

/** Gives a command its context, and turns what it throws into one line and an exit code. */
export type Wrap = <Args extends unknown[]>(
  command: (context: CliContext, ...args: Args) => Promise<number>,
  options?: WrapOptions,
) => (...args: Args) => Promise<void>;

export interface WrapOptions {
  /** Runs although the configuration cannot be used. */
  misconfigured?: boolean;
}

/** Of an option that may be repeated. */
export const collect = (value: string, earlier: string[] = []): string[] => [...earlier, value];

/** Adds them to the program. */
export function describeCommands(program: Command, wrap: Wrap): void {
  describeLooking(program, wrap);
  describeObserving(program, wrap);
  describeActing(program, wrap);
  describeDeciding(program, wrap);
  describeSession(program, wrap);
  describeReleases(program, wrap);
  describeDeploy(program, wrap);
  describeRollouts(program, wrap);
  describeShadows(program, wrap);
  describePreparing(program, wrap);
  describeApiKey(program, wrap);
  describeKeeping(program, wrap);
}

function describeActing(program: Command, wrap: Wrap): void {
  program
    .command('cancel')
    .description("end a run; calls under way are stopped, the provider's socket closed")
    .argument(...RUN)
    .option('--reason <text>', 'kept with the run')
    .addHelpText('after', example('cancel run_7kq --reason "wrong folder"'))
    .action(
      wrap((context, run: string, options: ReasonOptions) => loadIntervene().cancelCommand(context, run, options)),
    );
  program
    .command('pause')
    .description('hold a run; calls under way finish, nothing new is begun')
    .argument(...RUN)
    .option('--reason <text>', 'shown while it is paused')
    .addHelpText('after', example('pause run_7kq --reason "waiting for the new key"'))
    .action(
      wrap((context, run: string, options: ReasonOptions) => loadIntervene().pauseCommand(context, run, options)),
    );
  program
    .command('resume')
    .description('let a paused run go on, whoever or whatever paused it')
    .argument(...RUN)
    .addHelpText('after', example('resume run_7kq'))
    .action(wrap((context, run: string) => loadIntervene().resumeCommand(context, run)));
  program
    .command('steer')
    .description('say something to a running model: it hears it when its next turn begins')
    .argument(...RUN)
    .argument('<text>', 'what is said; "@file" reads it from there')
    .addHelpText('after', example('steer run_7kq "leave the tests alone"'))
    .action(wrap((context, run: string, text: string) => loadSteer().steerCommand(context, run, text)));
  program
    .command('extend')
    .description('let a run use more than its limits: what is given is added to them')
    .argument(...RUN)
    .option('--turns <n>', 'answers of the model', count)
    .option('--tool-calls <n>', 'tool calls', count)
    .option('--tokens <n>', 'input and output tokens', count)
    .option('--model-calls <n>', 'model calls, summaries and those of sub-agents included', count)
    .option('--usd <amount>', 'dollars, such as 0.5', usd)
    .option('--wall <time>', 'time, such as "30m"')
    .addHelpText('after', example('extend run_7kq --turns 10 --tokens 50000'))
    .action(wrap((context, run: string, options: ExtendOptions) => loadSteer().extendCommand(context, run, options)));
  program
    .command('fork')
    .description('start a new run from a step of another, which is left as it is; prints its id')
    .argument(...RUN)
    .option(
      '--at <step>',
      "the step that is made anew, by its number in the trace; behind the run's last if not given",
      count,
    )
    .option('--release <hash>', 'another release of its agent: its hash or the beginning of it, or "current"')
    .option('--edit [text]', 'another text for the newest message given at that step; in your EDITOR without one')
    .option('--say <text>', 'said by the user at that step')
    .option('--id <id>', 'of the new run; the same id is the same run')
    .option('--tag <tag>', 'for finding it again; may be repeated', collect)
    .addHelpText(
      'after',
      '\nA fork makes new calls, tools with effects included, under limits and totals of its own. A replay makes none.',
    )
    .addHelpText('after', example('fork run_7kq --at 3 --edit'))
    .action(wrap((context, run: string, options: ForkCommandOptions) => loadFork().forkCommand(context, run, options)));
}

const REQUEST = ['<number>', 'of the request, as the inbox shows it', count] as const;

function describeDeciding(program: Command, wrap: Wrap): void {
  program
    .command('inbox')
    .description('what waits for a person, across runs, oldest first; needs no server')
    .addHelpText('after', example('inbox'))
    .action(wrap((context) => loadInbox().inboxCommand(context)));
  program
    .command('approve')
    .description('let a call be made as it was asked for, or a failed one be tried again')
    .argument(...RUN)
    .argument(...REQUEST)
    .option('--args <json>', 'call it with these arguments instead; @file reads them from there')
    .option('--remember', 'do not ask about this tool again in this run, where the same rules hold')
    .option('--reason <text>', 'kept with the request')
    .addHelpText('after', '\nOf a call whose outcome is unknown it says that it did not happen: it is made again.')
    .addHelpText('after', example('approve run_7kq 2'))
    .action(
      wrap((context, run: string, number: number, options: ApproveOptions) =>
        loadDecide().approveCommand(context, run, number, options),
      ),
    );
  program
    .command('deny')
    .description('refuse a call: the model is told, with the reason')
    .argument(...RUN)
    .argument(...REQUEST)
    .option('--reason <text>', 'told to the model, and kept')
    .addHelpText('after', example('deny run_7kq 2 --reason "not without an invoice"'))
    .action(
      wrap((context, run: string, number: number, options: ReasonOptions) =>
        loadDecide().denyCommand(context, run, number, options),
      ),
    );
  program
    .command('replace')
    .description('give the result of a call that has failed for good')
    .argument(...RUN)
    .argument(...REQUEST)
    .requiredOption('--result <json>', 'as the tool would have answered; @file reads it from there')
    .option('--reason <text>', 'told to the model, and kept')
    .addHelpText('after', example(`replace run_7kq 2 --result '{"refundId":"r-9"}'`))
    .action(
      wrap((context, run: string, number: number, options: ReplaceOptions) =>
        loadDecide().replaceCommand(context, run, number, options),
      ),
    );
  program
    .command('identity')
    .description('the public key that your decisions are signed by; made where there is none')
    .addHelpText('after', '\nThe private key is kept in LONGHAUL_IDENTITY, by default ~/.config/longhaul/identity.pem.')
    .addHelpText('after', example('identity'))
    .action(wrap((context) => loadIdentity().identityCommand(context)));
}

function describeKeeping(program: Command, wrap: Wrap): void {
  program
    .command('quota')
    .description('the limits of each model and the budgets of tenants, what of them is used, and who waits')
    .addHelpText('after', example('quota'))
    .action(wrap((context) => loadQuota().quotaCommand(context)));
  program
    .command('queues')
    .description('what waits for a place, how long one that came now would wait, and what has been refused')
    .addHelpText('after', example('queues'))
    .action(wrap((context) => loadQueues().queuesCommand(context)));
  describeCost(program, wrap);
  program
    .command('gc')
    .description('free what no run needs any more; safe beside running workers, needs no server')
    .option('--dry-run', 'delete nothing, print what would be freed')
    .option('--keep <time>', 'first forget runs that ended longer ago, 90d say (default: none)', age)
    .addHelpText(
      'after',
      '\nAn object goes when two collections, a day apart, find nothing that names it. Once a day is often enough.',
    )
    .addHelpText('after', example('gc --keep 90d'))
    .action(wrap((context, options: GcOptions) => loadGc().gcCommand(context, options)));
  program
    .command('erase')
    .description('delete what a run, or a tenant, said and did, in the store and in Temporal; leaves tombstones')
    .argument('[run]', 'its whole id')
    .option('--tenant <name>', 'all runs and sessions of this tenant instead')
    .option('--session <id>', 'all of this session instead')
    .option('--reason <text>', 'kept in the tombstone')
    .option('--yes', 'that it is meant')
    .addHelpText('after', example('erase run_7kq2ndm4x --reason "asked by the customer" --yes'))
    .action(
      wrap((context, run: string | undefined, options: EraseOptions) =>
        loadErase().eraseCommand(context, run, options),
      ),
    );
}

function describePreparing(program: Command, wrap: Wrap): void {
  program
    .command('init')
    .description('write a first agent with its test into the current folder; overwrites nothing')
    .argument('[name]', 'of the agent', 'hello')
    .addHelpText('after', example('init refunds'))
    .action(wrap((context, name: string) => loadInit().initCommand(context, name)));
  program
    .command('test')
    .description('run the tests beside the agents, without a server')
    .argument('[files...]', 'parts of paths; all tests where none is given')
    .option('-t, --name <pattern>', 'only tests whose name fits')
    .addHelpText('after', example('test hello'))
    .action(wrap((context, files: string[], options: TestOptions) => loadTest().testCommand(context, files, options)));
  program
    .command('doctor')
    .description('what is found, what is missing, how to mend it')
    .addHelpText('after', example('doctor --json'))
    .action(wrap((context) => loadDoctor().doctorCommand(context), { misconfigured: true }));
}
