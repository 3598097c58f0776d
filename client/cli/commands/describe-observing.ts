// What those commands take that tell others how runs went: scores, profiles of agents, and runs for other agents.
import { InvalidArgumentError, Option, type Command } from 'commander';
import { SCORE_SOURCES } from '../../../workflows/contract/schemas/score';
import { SCORES_BY } from '../../scores/find-scores';
import { age } from '../age-option';
import { count } from '../count-option';
import type { Wrap } from './index';
import type { McpCommandOptions } from './mcp';
import type { ProfileOptions } from './profile';
import type { ScoreOptions, ScoresOptions } from './score';
import type * as mcpModule from './mcp';
import type * as scoreModule from './score';
import type * as profileModule from './profile';

// What one command needs is loaded for that command.
const loadMcp = (): typeof mcpModule => require('./mcp') as typeof mcpModule;
const loadScore = (): typeof scoreModule => require('./score') as typeof scoreModule;
const loadProfile = (): typeof profileModule => require('./profile') as typeof profileModule;

const number = (value: string): number => {
  const parsed = value.trim() === '' ? NaN : Number(value);
  if (!Number.isFinite(parsed)) throw new InvalidArgumentError('it is a number.');
  return parsed;
};

const range = (value: string): { least: number; most: number } => {
  const [least = '', most = '', ...rest] = value.split('..');
  if (rest.length > 0 || least === '' || most === '')
    throw new InvalidArgumentError('it is two numbers, such as 1..5.');
  return { least: number(least), most: number(most) };
};

const list = (value: string): string[] => value.split(',').map((one) => one.trim());

/** Adds them to the program. */
export function describeObserving(program: Command, wrap: Wrap): void {
  describeScores(program, wrap);
  program
    .command('mcp')
    .description('runs for other agents: list, show, trace and diff as tools of MCP, on standard input and output')
    .option('--tenant <name>', 'only runs of this tenant')
    .addHelpText(
      'after',
      '\nAn agent starts it: { "command": "npx", "args": ["longhaul", "mcp"] }. It changes nothing.',
    )
    .addHelpText('after', '\nExample:\n  $ longhaul mcp --tenant acme')
    .action(wrap((context, options: McpCommandOptions) => loadMcp().mcpCommand(context, options)));
}

function describeScores(program: Command, wrap: Wrap): void {
  program
    .command('score')
    .description('say what you, a rule or a judge think of a run or a call; needs no server')
    .argument('<run>', "id of a run, or the beginning of it that is no other run's")
    .argument('<name=value...>', 'a number, true or false, or the name of a category')
    .option('--call <n>', 'of one call, by its number in the trace', count)
    .option('--by <who>', 'who judges (default: you, or the user of the configuration)')
    .addOption(new Option('--source <what>', 'what that is (default: person)').choices(SCORE_SOURCES))
    .option('--range <least..most>', 'of numbers (default: 0..1)', range)
    .option('--categories <names>', 'those there are, with commas between them', list)
    .option('--note <text>', 'why')
    .option('--key <text>', 'said again by the same key it is given once')
    .addHelpText(
      'after',
      '\nThe same name of the same run or call by the same judge takes the place of what was said before.',
    )
    .addHelpText(
      'after',
      '\nExample:\n  $ longhaul score run_7kq helpful=0.8 correct=true --by alice --note "cites both files"',
    )
    .action(
      wrap((context, run: string, said: string[], options: ScoreOptions) =>
        loadScore().scoreCommand(context, run, said, options),
      ),
    );
  program
    .command('scores')
    .description('scores of runs and calls, newest first, or summed up; needs no server')
    .option('--agent <name>')
    .option('--release <hash>', 'or the beginning of one')
    .option('--name <name>', 'of the score')
    .option('--tenant <name>')
    .option('--judge <who>', 'who has judged')
    .addOption(new Option('--source <what>').choices(SCORE_SOURCES))
    .option('--below <number>', 'only lower ones; no counts as 0, yes as 1', number)
    .option('--above <number>', 'only higher ones', number)
    .option('--since <time>', 'only those given within it, such as 7d', age)
    .addOption(new Option('--by <what>', 'summed up, a line for each and each name').choices(SCORES_BY))
    .option('--limit <n>', 'at most so many', count, 20)
    .addHelpText('after', '\nExample:\n  $ longhaul scores --agent support --name helpful --below 0.5 --since 7d')
    .action(wrap((context, options: ScoresOptions) => loadScore().scoresCommand(context, options)));
  program
    .command('profile')
    .description('how an agent behaves: times, calls, context, failures, and what limits fit it; needs no server')
    .argument('<agent>')
    .option('--since <time>', 'only runs that began within it', age, 30 * 86_400_000)
    .option('--release <hash>', 'only of this release: its hash or the beginning of it')
    .option('--tenant <name>', 'only of this tenant')
    .addHelpText('after', '\nExample:\n  $ longhaul profile repo-analyst --since 7d')
    .action(
      wrap((context, agent: string, options: ProfileOptions) => loadProfile().profileCommand(context, agent, options)),
    );
}
