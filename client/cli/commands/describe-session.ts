// What the commands of `longhaul session` are called and take.
import type { Command } from 'commander';
import type { Wrap } from './index';
import type { SendCommandOptions, SessionOptions, ShowSessionOptions, WakeCommandOptions } from './session';
import type * as sessionModule from './session';
import type { HoldOptions } from './session-hold';
import type * as holdModule from './session-hold';

// What one command needs is loaded for that command.
const loadSession = (): typeof sessionModule => require('./session') as typeof sessionModule;
const loadHold = (): typeof holdModule => require('./session-hold') as typeof holdModule;

const example = (text: string): string => `\nExample:\n  $ longhaul session ${text}`;

export function describeSession(program: Command, wrap: Wrap): void {
  const group = program
    .command('session')
    .description('messages to a persistent agent, what it is doing, its life; "session --help" lists them')
    .addHelpText('after', example('send ticket-7 "where is A-88?" --agent orders'));
  const of = (name: string, description: string): Command =>
    group
      .command(name)
      .description(description)
      .argument('<session>', 'its id: the first message begins it')
      .option('--agent <name>', 'whose session it is; known from its first message on')
      .option('--tenant <tenant>');
  const saying = (command: Command): Command =>
    command
      .argument('[text]', 'what is said, to agents that take a text')
      .option('--input <json>', "the agent's input; @file reads it from there, - from standard input")
      .option('--user <user>');

  saying(of('send', 'say something, and wait for the answer'))
    .option('--id <id>', 'of the message: the same id is the same message')
    .option('--at <time>', 'answered no sooner than then, such as 2027-01-31T09:00:00Z')
    .option('--after <time>', 'answered no sooner than after so long, such as 2h')
    .option('--detach', 'print the id of the run that answers it, and do not wait for it')
    .addHelpText('after', example('send ticket-7 "where is A-88?" --agent orders'))
    .action(
      wrap((context, id: string, text: string | undefined, options: SendCommandOptions) =>
        loadSession().sessionSendCommand(context, id, text, options),
      ),
    );
  of('show', 'what it is doing, and what waits')
    .option('--transcript', 'the whole conversation')
    .addHelpText('after', example('show ticket-7'))
    .action(
      wrap((context, id: string, options: ShowSessionOptions) =>
        loadSession().sessionShowCommand(context, id, options),
      ),
    );
  of('pause', 'answer nothing more until it is resumed; what is being answered goes on')
    .option('--reason <text>', 'shown while it is paused')
    .addHelpText('after', example('pause ticket-7'))
    .action(
      wrap((context, id: string, options: SessionOptions & { reason?: string }) =>
        loadSession().sessionPauseCommand(context, id, options),
      ),
    );
  of('resume', 'go on after a pause')
    .addHelpText('after', example('resume ticket-7'))
    .action(
      wrap((context, id: string, options: SessionOptions) => loadSession().sessionResumeCommand(context, id, options)),
    );
  describeHolds(group, wrap);
  of('retire', 'for ever: take no message any more, answer what was taken, and end')
    .option('--reason <text>', 'told to whoever sends something')
    .addHelpText('after', example('retire ticket-7 --reason "solved"'))
    .action(
      wrap((context, id: string, options: SessionOptions & { reason?: string }) =>
        loadSession().sessionRetireCommand(context, id, options),
      ),
    );
  saying(of('wake', 'say something at each of the times, whether or not anything of ours runs then'))
    .requiredOption('--name <name>', 'of the times, for one session')
    .option('--cron <fields>', 'five fields, such as "0 9 * * 1-5"')
    .option('--every <time>', 'such as 6h')
    .option('--time-zone <name>', 'of --cron; UTC if not given')
    .option('--stop', 'not any more')
    .addHelpText('after', example('wake ticket-7 "anything new?" --name daily --cron "0 9 * * *"'))
    .action(
      wrap((context, id: string, text: string | undefined, options: WakeCommandOptions) =>
        loadSession().sessionWakeCommand(context, id, text, options),
      ),
    );
}

function describeHolds(group: Command, wrap: Wrap): void {
  const kept = (name: string, description: string): Command =>
    group.command(name).description(description).argument('<session>', 'its id').option('--tenant <tenant>');
  kept('hold', 'keep it at a release, whatever new runs take; needs no server')
    .requiredOption('--release <release>', 'its name, its hash or the beginning of it, or "current"')
    .requiredOption('--why <text>', 'shown while it is held')
    .addHelpText('after', example('hold ticket-7 --release v2 --why "in the middle of a return"'))
    .action(wrap((context, id: string, options: HoldOptions) => loadHold().sessionHoldCommand(context, id, options)));
  kept('unhold', 'let it go with new runs again; needs no server')
    .addHelpText('after', example('unhold ticket-7'))
    .action(
      wrap((context, id: string, options: { tenant?: string }) =>
        loadHold().sessionUnholdCommand(context, id, options),
      ),
    );
}
