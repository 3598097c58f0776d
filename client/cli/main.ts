#!/usr/bin/env node
// The command line, as a process: settings, the context of a command, and what comes of what was typed wrongly. Commands are in program.ts.
import { CommanderError, type Command } from 'commander';
import { hasCode } from '../../infra/temporal/error-reason';
import { loadSettings } from '../../workers/config';
import type { WrapOptions } from './commands';
import { createContext, type CliContext } from './context';
import { EXIT, errorCode, errorLine, exitCodeOfError } from './exit-codes';
import { createOutput } from './output';
import { callersFolder, createProgram, wantsJson, type GlobalOptions } from './program';
import { usableSettings } from './usable-settings';

async function withContext(
  options: GlobalOptions,
  command: (context: CliContext) => Promise<number>,
  { misconfigured }: WrapOptions,
): Promise<number> {
  const output = createOutput({ stdout: process.stdout, stderr: process.stderr, json: options.json ?? false });
  try {
    const { agents, stateDir, store, taskQueue } = options;
    const overrides = {
      ...(agents === undefined ? {} : { agents }),
      ...(stateDir === undefined ? {} : { stateDir }),
      ...(store === undefined ? {} : { store }),
      ...(taskQueue === undefined ? {} : { taskQueue }),
    };
    const given = { cwd: process.cwd(), env: process.env, overrides };
    const { settings, problems } = misconfigured
      ? await usableSettings(given)
      : { settings: await loadSettings(given), problems: [] };
    const cwd = callersFolder();
    const context = createContext({ settings, misconfigured: problems, output, env: process.env, cwd });
    try {
      return await command(context);
    } finally {
      await context.close();
    }
  } catch (error) {
    output.error(errorLine(error), errorCode(error));
    return exitCodeOfError(error);
  }
}

/** What was typed could not be understood, or help was asked for. */
function reportParsing(program: Command, error: unknown): number {
  const args = process.argv.slice(2);
  const output = createOutput({ stdout: process.stdout, stderr: process.stderr, json: wantsJson(args) });
  if (!(error instanceof CommanderError)) {
    output.error(errorLine(error), errorCode(error));
    return exitCodeOfError(error);
  }
  if (error.exitCode === 0) return EXIT.completed;
  const command = program.commands.find((one) => args.includes(one.name()));
  // Without a command it has shown its help already.
  const what = error.code === 'commander.help' ? 'no command was given' : error.message.replace(/^error: /, '');
  const help = `"longhaul ${command ? `${command.name()} ` : ''}--help" shows how it is used.`;
  output.error(`${what.replace(/\.?\s*$/, '').replace(/\s+/g, ' ')}. ${help}`, 'usage');
  return EXIT.usage;
}

let isReaderGone = false;

/**
 * Whoever read our output (`head`, a pager) has seen enough. A command that can be stopped is stopped as by a signal; any other
 * has nothing left to do.
 */
function readerIsGone(error: Error): void {
  if (!hasCode(error, 'EPIPE')) throw error;
  // Of the other stream too: the command is on its way to its end, and says with which code.
  if (isReaderGone) return;
  isReaderGone = true;
  if (process.listenerCount('SIGTERM') > 0) process.emit('SIGTERM');
  else process.exit();
}

async function main(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', readerIsGone);
  const program = createProgram(withContext);
  try {
    await program.parseAsync();
  } catch (error) {
    process.exitCode = reportParsing(program, error);
  }
}

/** What goes into a pipe is taken from here as fast as it is read: an exit before that would cut it off. */
const written = async (stream: NodeJS.WriteStream): Promise<void> => {
  if (stream.writableLength === 0 || stream.destroyed) return;
  await new Promise<void>((done) => {
    stream.write('', () => {
      done();
    });
  });
};

void main().finally(async () => {
  await Promise.all([written(process.stdout), written(process.stderr)]);
  // Native threads of the Temporal SDK and of LMDB would keep an ended command alive.
  process.exit();
});
