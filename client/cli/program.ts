// What all commands are called and take. What each does is in a file of its own; main.ts runs them.
import { dirname, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { packageVersion } from '../../workers/package-version';
import { PRIORITIES } from '../../workflows/contract/quota';
import type { ApiCommandOptions } from './api';
import { collect, describeCommands, type Wrap, type WrapOptions } from './commands';
import type { CodecServerCommandOptions } from './commands/codec-server';
import type { CliContext } from './context';
import type { DevOptions } from './dev';
import type { RunCommandOptions } from './start-run';
import type { WorkerOptions } from './worker';
import type * as runModule from './run';
import type * as submitModule from './submit';
import type * as devModule from './dev';
import type * as workerModule from './worker';
import type * as apiModule from './api';
import type * as codecServerModule from './commands/codec-server';

// What one command needs is loaded for that command.
const loadRun = (): typeof runModule => require('./run') as typeof runModule;
const loadSubmit = (): typeof submitModule => require('./submit') as typeof submitModule;
const loadDev = (): typeof devModule => require('./dev') as typeof devModule;
const loadWorker = (): typeof workerModule => require('./worker') as typeof workerModule;
const loadApi = (): typeof apiModule => require('./api') as typeof apiModule;
const loadCodecServer = (): typeof codecServerModule => require('./commands/codec-server') as typeof codecServerModule;

export interface GlobalOptions {
  agents?: string;
  json?: boolean;
  stateDir?: string;
  store?: string;
  taskQueue?: string;
}

export type WithContext = (
  globals: GlobalOptions,
  command: (context: CliContext) => Promise<number>,
  options: WrapOptions,
) => Promise<number>;

/** npm runs a script in the package's folder and tells where it was called. A program that a script starts elsewhere inherits that too. */
export function callersFolder(): string {
  const { INIT_CWD: called, npm_package_json: manifest } = process.env;
  return called && manifest && dirname(manifest) === process.cwd() ? called : process.cwd();
}

const folder = (value: string): string => resolve(callersFolder(), value);
const port = (value: string): number => {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0 || number > 65_535)
    throw new InvalidArgumentError('a port is a number from 0 to 65535.');
  return number;
};

/** @param withContext runs one command: by main.ts, or not at all where only what there is is looked at */
export function createProgram(withContext: WithContext): Command {
  const program = new Command('longhaul')
    .description('Runs AI agents as durable workflows.')
    .version(
      wantsJson(process.argv.slice(2)) ? JSON.stringify({ version: packageVersion() }, null, 2) : packageVersion(),
    )
    .option('--agents <dir>', 'folder of the agents (LONGHAUL_AGENTS)', folder)
    .option('--state-dir <dir>', 'where runs are kept (LONGHAUL_STATE_DIR, default .longhaul)', folder)
    .option('--store <url>', 'content store (LONGHAUL_STORE)')
    .option('--task-queue <name>', 'Temporal task queue (LONGHAUL_TASK_QUEUE)')
    .option('--json', 'one JSON document on standard output; of tail, one a line')
    // Said below, in the form of all other errors.
    .configureOutput({ outputError: () => undefined })
    .exitOverride();

  /** Gives a command its context, and turns what it throws into one line and an exit code. */
  const wrap =
    <Args extends unknown[]>(
      command: (context: CliContext, ...args: Args) => Promise<number>,
      options: WrapOptions = {},
    ) =>
    async (...args: Args): Promise<void> => {
      const run = (context: CliContext): Promise<number> => command(context, ...args);
      process.exitCode = await withContext(program.opts<GlobalOptions>(), run, options);
    };

  const starting = (command: Command): Command =>
    command
      .argument('<agent>')
      .argument('[text]', 'the question, for agents that take one')
      .option('--input <json>', "the agent's input; @file reads it from there, - from standard input")
      .option('--dir <dir>', "folder for agents whose input has 'dir' (default: the current one)", folder)
      .option('--id <id>', 'the same id is the same run')
      .option('--tenant <tenant>')
      .option('--user <user>')
      .option('--session <session>')
      .addOption(
        new Option('--priority <priority>', 'who goes first near the limits of a model; normal if not given').choices(
          PRIORITIES,
        ),
      )
      .option('--tag <tag>', 'may be repeated', collect);

  starting(program.command('run').description('start a run, watch it, exit with its answer'))
    .option('--new', 'start another run although an unfinished one asks the same')
    .option('--inspect', 'lift time-outs, for a debugger')
    .action(
      wrap((context, agent: string, text: string | undefined, options: RunCommandOptions) =>
        loadRun().runCommand(context, agent, text, options),
      ),
    );
  starting(program.command('submit').description('start a run on the workers that are up, print its id')).action(
    wrap((context, agent: string, text: string | undefined, options: RunCommandOptions) =>
      loadSubmit().submitCommand(context, agent, text, options),
    ),
  );
  program
    .command('dev')
    .description('keep everything up: Temporal, Web UI, workers; serves agents as they are saved')
    .option('--inspect', 'lift time-outs, for a debugger')
    .option('--metrics-port <port>', 'Prometheus metrics (default 9464, 0 for a free one)', port)
    .action(wrap((context, options: DevOptions) => loadDev().devCommand(context, options)));
  describeServers(program, wrap);
  describeCommands(program, wrap);
  return program;
}

/** What goes on until it is stopped, beside `dev`. */
function describeServers(program: Command, wrap: Wrap): void {
  program
    .command('worker')
    .description('one more worker for a Temporal server or a running dev')
    .option('--toolbox <name>', 'serve this toolbox and no runs; may be repeated', collect)
    .option('--no-toolboxes', 'serve runs and no toolboxes: they are served elsewhere')
    .addOption(
      new Option('--role <role>', 'hold runs, or make their calls, and nothing else').choices(['orchestrate', 'calls']),
    )
    .option('--strict', 'run no release with the code of another: calls of it wait for a worker that has its code')
    .option('--deployment <name>', 'belong to this production deployment: runs that begin on its code end on it')
    .option('--build-id <id>', 'what the code is called there; its version and a hash of it if not given')
    .option('--metrics-port <port>', 'serve /metrics, /healthz and /readyz (0 for a free port)', port)
    .option('--metrics-host <address>', 'default 127.0.0.1; 0.0.0.0 for a platform that asks from elsewhere')
    .action(wrap((context, options: WorkerOptions) => loadWorker().workerCommand(context, options)));
  program
    .command('api')
    .description('serve the HTTP API, for workers that are elsewhere; dev serves it too')
    .option('--port <port>', 'default 8235, 0 for a free one', port)
    .option('--host <address>', 'default 127.0.0.1; any other needs keys, see api-key')
    .action(wrap((context, options: ApiCommandOptions) => loadApi().apiCommand(context, options)));
  program
    .command('codec-server')
    .description('show clear text to the Web UI and the temporal command line, where keys are set')
    .option('--port <port>', 'default 8234, 0 for a free one', port)
    .option('--host <address>', 'default 127.0.0.1; any other needs LONGHAUL_CODEC_TOKEN')
    .option('--origin <url>', 'of a web page that may read; may be repeated', collect)
    .action(
      wrap((context, options: CodecServerCommandOptions) => loadCodecServer().codecServerCommand(context, options)),
    );
}

/** As typed: what commander could not read, it has not taken in either. */
export const wantsJson = (args: readonly string[]): boolean =>
  (args.includes('--') ? args.slice(0, args.indexOf('--')) : args).includes('--json');
