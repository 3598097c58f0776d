// What is said of a loop: to the model, which can still leave it, and to whoever reads why a run has failed. Without arguments and
// results, which a history must not hold.
import type { FailureType } from '../../workflows/contract/failures';
import type { LoopPlan } from '../../workflows/contract/loops';
import type { FoundLoop } from './find-loops';

const FAILURE_OF: { readonly [K in FoundLoop['kind']]: FailureType } = {
  repeats: 'Loop.RepeatedCall',
  cycles: 'Loop.Cycle',
  stale: 'Loop.NoProgress',
};
export const failureOfLoop = ({ kind }: FoundLoop): FailureType => FAILURE_OF[kind];

/** One line. */
export function describeLoop({ kind, times, period, tools }: FoundLoop): string {
  switch (kind) {
    case 'repeats':
      return `${named(tools)} was called ${times} times with the same arguments, and gave the same result each time.`;
    case 'cycles':
      return `the same ${period} turns came ${times} times, with the same results: calls of ${named(tools)}.`;
    case 'stale':
      return `${times} turns in a row brought nothing new: calls of ${named(tools)}.`;
  }
}

/** What was seen, what to do instead, and what comes otherwise. */
export function tellLoop(loop: FoundLoop, plan: LoopPlan | undefined): string {
  const { kind, times, period, tools } = loop;
  const stop = plan?.[kind]?.stop ?? times;
  switch (kind) {
    case 'repeats':
      return `You have called ${named(tools)} ${times} times with the same arguments, and it gave the same result each time. ${INSTEAD} At ${stop} times this run is stopped.`;
    case 'cycles':
      return `You repeat the same ${period} steps (${named(tools)}) for the ${ordinal(times)} time, with the same results. ${INSTEAD} At ${stop} rounds this run is stopped.`;
    case 'stale':
      return `Your last ${times} steps brought nothing that you had not read before. ${INSTEAD} At ${stop} such steps this run is stopped.`;
  }
}

const INSTEAD =
  'Doing so again will tell you nothing more: use what you have, try another way, or give your final answer and say what is missing.';

/** As many as a line may name. */
const TOOLS_NAMED = 4;

function named(tools: readonly string[]): string {
  const shown = tools.slice(0, TOOLS_NAMED).join(', ');
  return tools.length > TOOLS_NAMED ? `${shown} and others` : shown;
}

const ordinal = (count: number): string => `${count}${{ 2: 'nd', 3: 'rd' }[count] ?? 'th'}`;
