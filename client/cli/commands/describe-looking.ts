// What the commands that only look at runs are called and take.
import { InvalidArgumentError, Option, type Command } from 'commander';
import { isFailureType } from '../../../workflows/contract/failures';
import { OUTCOMES } from '../../../workflows/contract/run';
import type { CallWanted } from '../../find-call';
import { age } from '../age-option';
import { example, RUN } from '../command-parts';
import { count } from '../count-option';
import { turnRange } from '../turn-range';
import { describeFindings } from './describe-findings';
import type { Wrap } from './index';
import type { ListOptions } from './list';
import type { ShowOptions } from './show';
import type { TraceOptions } from './trace';
import type * as listModule from './list';
import type * as showModule from './show';
import type * as traceModule from './trace';
import type * as tailModule from './tail';
import type * as providersModule from './providers';
import type * as diffModule from './diff';

// What one command needs is loaded for that command.
const loadList = (): typeof listModule => require('./list') as typeof listModule;
const loadShow = (): typeof showModule => require('./show') as typeof showModule;
const loadTrace = (): typeof traceModule => require('./trace') as typeof traceModule;
const loadTail = (): typeof tailModule => require('./tail') as typeof tailModule;
const loadProviders = (): typeof providersModule => require('./providers') as typeof providersModule;
const loadDiff = (): typeof diffModule => require('./diff') as typeof diffModule;

const callWanted = (value: string): CallWanted => {
  if (value === 'last' || value === 'failed') return value;
  const number = /^[1-9]\d*$/.test(value) ? Number(value) : NaN;
  if (!Number.isSafeInteger(number))
    throw new InvalidArgumentError('it is a number of the trace, from 1, or "last", or "failed".');
  return number;
};

const failureType = (value: string): string => {
  if (!isFailureType(value))
    throw new InvalidArgumentError('it is the type of a failure, such as Model.InvalidOutput or Tool.Failed.');
  return value;
};

const releaseBeginning = (value: string): string => {
  if (!/^[0-9a-f]{1,64}$/.test(value))
    throw new InvalidArgumentError('it is the beginning of a hash, such as 251bf2192a56.');
  return value;
};

export function describeLooking(program: Command, wrap: Wrap): void {
  program
    .command('list')
    .description('runs, newest first; needs no server')
    .option('--agent <name>')
    .addOption(new Option('--outcome <outcome>').choices(OUTCOMES))
    .option('--failure <type>', "such as Tool.Failed: the run's failure, or that of one of its calls", failureType)
    .option('--release <hash>', 'the beginning of it', releaseBeginning)
    .option('--since <time>', 'only runs that began within it, such as 2h', age)
    .option('--open', 'only those that have not ended')
    .option('--sub-agents', 'runs of sub-agents too')
    .option('--shadows', 'shadows of runs, and no other runs')
    .option('--tenant <name>', 'only of this tenant')
    .option('--before <run>', 'only those that began before this one')
    .option('--limit <n>', 'at most so many', count, 20)
    .addHelpText('after', example('list --agent repo-analyst --failure Model.InvalidOutput --since 2h'))
    .action(wrap((context, options: ListOptions) => loadList().listCommand(context, options)));
  program
    .command('show')
    .description('what a run is and what it answered; needs no server')
    .argument(...RUN)
    .option('--transcript', 'the whole conversation')
    .option(
      '--call <n>',
      'one call in full: its number in the trace, "last", or "failed", which the failure goes back to',
      callWanted,
    )
    .option('--diff <m>', 'with --call: what changed in what the model was asked since call m', count)
    .option('--curl', 'with --call: the exact request as a command, its key a variable of the shell')
    .addHelpText('after', example('show run_7kq --call failed'))
    .action(wrap((context, run: string, options: ShowOptions) => loadShow().showCommand(context, run, options)));
  program
    .command('trace')
    .description("a run's calls as a tree, with times, tokens and previews; needs no server")
    .argument(...RUN)
    .option('--turns <a..b>', 'only these of its turns', turnRange)
    .option('--wide', 'also who made each call, with which release, and why it went as it did')
    .option('--waterfall', 'bars of when each part was, not on a terminal alone')
    .addHelpText('after', example('trace run_7kq --turns 3..5 --wide'))
    .action(wrap((context, run: string, options: TraceOptions) => loadTrace().traceCommand(context, run, options)));
  program
    .command('tail')
    .description("watch a run until its end, and exit with its outcome's code")
    .argument(...RUN)
    .addHelpText('after', '\nWith --json: one JSON document a line for each event, the last of them the result.')
    .addHelpText('after', example('tail run_7kq'))
    .action(wrap((context, run: string) => loadTail().tailCommand(context, run)));
  program
    .command('providers')
    .description('the models that can be asked, and how workers have found them lately; needs no server')
    .addHelpText('after', example('providers'))
    .action(wrap((context) => loadProviders().providersCommand(context)));
  describeFindings(program, wrap, count);
  program
    .command('diff')
    .description('the first step at which two runs differ, and in what; needs no server')
    .argument(...RUN)
    .argument('<other>', 'the other run')
    .addHelpText('after', example('diff run_7kq run_m2x'))
    .action(wrap((context, run: string, other: string) => loadDiff().diffCommand(context, run, other)));
}
