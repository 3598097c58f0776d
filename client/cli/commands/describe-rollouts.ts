// What the commands about rollouts are called and take.
import { InvalidArgumentError, Option, type Command } from 'commander';
import { durationMs } from '../../../activities/define/duration';
import { durationSchema } from '../../../activities/define/duration-schema';
import { ROLLOUT_ACTS, ROLLOUT_STICKY, WHEN_INCONCLUSIVE, type RolloutAct } from '../../../workflows/contract/rollout';
import { example } from '../command-parts';
import type { Wrap } from './index';
import type { RolloutOptions } from './rollout';
import type * as rolloutModule from './rollout';

// What one command needs is loaded for that command.
const loadRollout = (): typeof rolloutModule => require('./rollout') as typeof rolloutModule;

const AGENT = ['<agent>', 'its name'] as const;
const RELEASE = ['<release>', "a release's name, its hash or the beginning of it"] as const;

const numbers = (value: string): number[] =>
  value.split(',').map((one) => {
    if (!/^\d+(\.\d+)?%?$/.test(one.trim()))
      throw new InvalidArgumentError('they are numbers with commas, such as 1,5,25.');
    return Number(one.trim().replace('%', ''));
  });
const days = (value: string): number => {
  const number = Number(value);
  if (!(number > 0)) throw new InvalidArgumentError('it is a number of days, such as 14.');
  return number;
};
const margin = (value: string, earlier: { [metric: string]: number } = {}): { [metric: string]: number } => {
  const [, metric, by] = /^([\w:.-]+)=(\d*\.?\d+)$/.exec(value) ?? [];
  if (metric === undefined)
    throw new InvalidArgumentError('it is a metric and what is tolerated, such as success=0.05.');
  return { ...earlier, [metric]: Number(by) };
};
const every = (value: string): number => {
  const { data } = durationSchema.safeParse(value);
  if (data === undefined) throw new InvalidArgumentError('it is a time, such as 30s.');
  return durationMs(data, 'it');
};

const ACTS: { readonly [act in RolloutAct]: string } = {
  pause: 'begin no further step; what is worse is withdrawn all the same',
  resume: 'go on after a pause, whoever or whatever paused it',
  promote: 'the candidate takes over as soon as a worker hears it, whatever is known of it',
  abort: 'the candidate is taken back as soon as a worker hears it; "rollback" needs none',
};

export function describeRollouts(program: Command, wrap: Wrap): void {
  describeSaying(describeBeginning(program, wrap), wrap);
  program
    .command('rollouts')
    .description('rollouts and what became of them; needs no server')
    .argument('[agent]', 'its name')
    .addHelpText('after', example('rollouts refunds'))
    .action(wrap((context, agent: string | undefined) => loadRollout().rolloutsCommand(context, agent)));
}

type Begun = Omit<RolloutOptions, 'margins'> & { margin?: { [metric: string]: number } };

function describeBeginning(program: Command, wrap: Wrap): Command {
  const rollout = program
    .command('rollout')
    .description(
      'give a release to new runs step by step; also "rollout show", "pause", "resume", "promote" and "abort"',
    );
  const begins = wrap((context, agent: string, release: string) => {
    const { margin: margins, ...options } = rollout.opts<Begun>();
    return loadRollout().rolloutCommand(context, agent, release, { ...options, ...(margins ? { margins } : {}) });
  });
  rollout
    .command('begin')
    .description('as "rollout" does, and with its options, of an agent that is called "show", "abort" or the like')
    .argument(...AGENT)
    .argument(...RELEASE)
    .addHelpText('after', example('rollout begin abort v3 --why "asks for the receipt"'))
    .action(begins);
  return rollout
    .argument(...AGENT)
    .argument(...RELEASE)
    .option('--steps <percents>', 'rising shares of new runs in per cent (default 1,5,25,50,100)', numbers)
    .option(
      '--units <counts>',
      'of the candidate before the next step: one, or one a step (default 10,20,50,100)',
      numbers,
    )
    .addOption(
      new Option('--sticky <what>', 'what keeps its release; a run without a session is by itself')
        .choices(ROLLOUT_STICKY)
        .default('session'),
    )
    .option('--window <days>', 'nobody waits for longer (default 14)', days)
    .addOption(
      new Option('--inconclusive <what>', 'what becomes of it when the window ends without a verdict')
        .choices(WHEN_INCONCLUSIVE)
        .default('withdraw'),
    )
    .option('--margin <metric=by>', 'so much worse is tolerated, such as success=0.05; may be repeated', margin)
    .option('--every <time>', 'between two looks at least (default 30s)', every)
    .option('--without-tools', 'begin although open sessions have tools that the release lacks')
    .option('--why <text>', 'kept in the history')
    .option('--plan', 'say what it will take, and begin nothing; needs no server')
    .addHelpText('after', example('rollout refunds v3 --steps 5,50,100 --why "asks for the receipt"'))
    .action(begins);
}

function describeSaying(rollout: Command, wrap: Wrap): void {
  rollout
    .command('show')
    .description('how it stands: its step, its last look in words and as lines, who said what; needs no server')
    .argument(...AGENT)
    .addHelpText('after', example('rollout show refunds'))
    .action(wrap((context, agent: string) => loadRollout().rolloutShowCommand(context, agent)));
  for (const act of ROLLOUT_ACTS)
    rollout
      .command(act)
      .description(ACTS[act])
      .argument(...AGENT)
      .option('--why <text>', act === 'promote' ? 'kept in the history; needed' : 'kept in the history')
      .addHelpText('after', example(`rollout ${act} refunds --why "seen by hand"`))
      .action(
        wrap((context, agent: string, _: object, command: Command) =>
          loadRollout().rolloutSayCommand(context, agent, act, saidIn(command)),
        ),
      );
}

/** `rollout` itself has the option too, and takes it wherever it stands. */
const saidIn = (command: Command): { why?: string } => command.optsWithGlobals<{ why?: string }>();
