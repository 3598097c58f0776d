// What the commands about shadows are called and take.
import { InvalidArgumentError, Option, type Command } from 'commander';
import { count } from '../count-option';
import { example, RUN } from '../command-parts';
import { usd } from '../usd-option';
import type { Wrap } from './index';
import type { ShadowOptions } from './shadow';
import type { ShadowReportOptions } from './shadow-report';
import type * as shadowModule from './shadow';
import type * as shadowReportModule from './shadow-report';
import type * as shadowShowModule from './shadow-show';

// What one command needs is loaded for that command.
const loadShadow = (): typeof shadowModule => require('./shadow') as typeof shadowModule;
const loadShadowReport = (): typeof shadowReportModule => require('./shadow-report') as typeof shadowReportModule;
const loadShadowShow = (): typeof shadowShowModule => require('./shadow-show') as typeof shadowShowModule;

const READS = ['recorded', 'run'] as const satisfies readonly ShadowOptions['reads'][];
const STICKY = ['tenant', 'session', 'run'] as const satisfies readonly ShadowOptions['sticky'][];
/** A hundredth of a per cent. */
const LEAST_SHARE = 0.0001;

/** As a part of one: `10%`, or `0.1`. A bare 1 may be meant as either. */
const share = (value: string): number => {
  const [, digits, percent] = /^(\d*\.?\d+)\s*(%?)$/.exec(value.trim()) ?? [];
  const of = Number(digits) / (percent ? 100 : 1);
  if (of === 1 && !percent) throw new InvalidArgumentError('1 may mean 1% or all of them: say 1%, or 100%.');
  if (!(of >= LEAST_SHARE && of <= 1)) throw new InvalidArgumentError('it is from 0.01% to 100%, for example 10%.');
  return of;
};

export function describeShadows(program: Command, wrap: Wrap): void {
  const shadow = program
    .command('shadow')
    .description("run a release on what runs were given, without any effect; 'shadow report' compares")
    .argument('<name>', 'a run, or with --share or --stop an agent')
    .option('--release <release>', 'a release\'s name, its hash or the beginning of it, or "current"')
    .option('--share <percent>', 'of new runs of the agent, for example 10%', share)
    .option('--stop', 'no run of the agent is shadowed any more')
    .option('--budget <usd>', 'that its shadows may cost in a day (UTC), in dollars', usd)
    .option('--tokens <n>', 'that its shadows may take in a day (UTC)', count)
    .option('--at-once <n>', 'shadows of the agent at once', count, 2)
    .addOption(
      new Option('--reads <where>', 'what only reads: answered as recorded, or really run where nothing is')
        .choices(READS)
        .default('recorded'),
    )
    .addOption(new Option('--sticky <by>', 'whose runs are drawn together').choices(STICKY).default('run'))
    .option('--no-floor', 'without a shadow by the own release of each run, which tells chance apart')
    .option('--why <text>', 'kept in the history')
    .addHelpText('after', example('shadow refunds --release v4 --share 10% --budget 5'))
    .action(
      wrap((context, name: string, options: ShadowOptions) => loadShadow().shadowCommand(context, name, options)),
    );
  shadow
    .command('show')
    .description('how the shadows of a run differ from it, and where first')
    .argument(...RUN)
    .addHelpText('after', example('shadow show run_7hq2'))
    .action(wrap((context, run: string) => loadShadowShow().shadowShowCommand(context, run)));
  shadow
    .command('report')
    .description('the newest shadows of an agent, summed up by release, beside what differs by chance')
    .argument('<agent>', 'its name')
    .option('--limit <n>', 'how many of them', count, 200)
    .option('--html <file>', 'the same with plots, as one file')
    .addHelpText('after', example('shadow report refunds --html shadows.html'))
    .action(
      wrap((context, agent: string, options: ShadowReportOptions) =>
        loadShadowReport().shadowReportCommand(context, agent, options),
      ),
    );
}
