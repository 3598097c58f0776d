// Whether a run goes round in circles: pure functions over its newest turns. Each finding says how far it has come, so that the model is
// told at one turn, the one that reaches the threshold, whoever asks and however often.
import type { LoopPlan, LoopThreshold } from '../../workflows/contract/loops';
import type { Turn } from './newest-turns';

export interface FoundLoop {
  kind: keyof LoopPlan;
  /** `stop` from its threshold on; `warn` at the turn that reaches it. */
  then: 'warn' | 'stop';
  /** Calls, rounds or turns: what the threshold counts. */
  times: number;
  /** Of the cycle, in turns. */
  period?: number;
  /** Names of the tools, each once. */
  tools: string[];
}

/** A run that looks at one thing again and again does so at least every other turn; one that comes back to it now and then works. */
const REPEATS_WITHIN = 2;
const PERIOD_LEAST = 2;
const PERIOD_MOST = 4;
/** Turns before a stale one in which its results may have been read. */
const STALE_MEMORY = 24;

/** How many of the newest turns `findLoops` looks at. */
export const turnsLookedAt = ({ repeats, cycles, stale }: LoopPlan): number =>
  Math.max(
    // One more: how it stood before the newest turn.
    repeats ? repeats.stop * REPEATS_WITHIN + 1 : 0,
    cycles ? cycles.stop * PERIOD_MOST : 0,
    stale ? stale.stop + STALE_MEMORY : 0,
  );

/** @param turns oldest first, at least the newest `turnsLookedAt`, as far as there are so many */
export function findLoops(turns: readonly Turn[], { repeats, cycles, stale }: LoopPlan): FoundLoop[] {
  return [
    ...(repeats ? repeatedCalls(turns, repeats) : []),
    ...(cycles ? cyclesOf(turns, cycles) : []),
    ...(stale ? staleTurns(turns, stale) : []),
  ];
}

function repeatedCalls(turns: readonly Turn[], threshold: LoopThreshold): FoundLoop[] {
  const within = threshold.stop * REPEATS_WITHIN;
  const newest = turns.at(-1)?.calls ?? [];
  return newest.flatMap(({ name, same }) => {
    const timesIn = (some: readonly Turn[]): number =>
      some.slice(-within).filter(({ calls }) => calls.some((call) => call.same === same)).length;
    const times = timesIn(turns);
    const then = crossed(threshold, { before: timesIn(turns.slice(0, -1)), times });
    return then ? [{ kind: 'repeats' as const, then, times, tools: [name] }] : [];
  });
}

function cyclesOf(turns: readonly Turn[], threshold: LoopThreshold): FoundLoop[] {
  const signatures = turns.map(({ calls }) => calls.map(({ same }) => same).join());
  for (let period = PERIOD_LEAST; period <= PERIOD_MOST; period += 1) {
    const round = signatures.slice(-period);
    // One turn again and again is a repeated call, and two of them a cycle of two.
    if (turns.length < period || isPeriodic(round)) continue;
    const before = roundsOf(signatures.slice(0, -1), period);
    const times = roundsOf(signatures, period);
    const then = crossed(threshold, { before, times });
    const tools = [...new Set(turns.slice(-period).flatMap(({ calls }) => calls.map(({ name }) => name)))];
    if (then) return [{ kind: 'cycles', then, times, period, tools }];
  }
  return [];
}

/** Whole rounds at the end. */
function roundsOf(signatures: readonly string[], period: number): number {
  let run = 0;
  while (run + period < signatures.length && signatures.at(-1 - run) === signatures.at(-1 - run - period)) run += 1;
  return 1 + Math.floor(run / period);
}

const isPeriodic = (round: readonly string[]): boolean =>
  [1, 2].some(
    (part) =>
      part < round.length &&
      round.length % part === 0 &&
      round.every((signature, at) => signature === round[at % part]),
  );

function staleTurns(turns: readonly Turn[], threshold: LoopThreshold): FoundLoop[] {
  let times = 0;
  while (times < Math.min(threshold.stop, turns.length) && isStale(turns, turns.length - 1 - times)) times += 1;
  const then = crossed(threshold, { before: times - 1, times });
  const tools = [...new Set(turns.slice(-times).flatMap(({ calls }) => calls.map(({ name }) => name)))];
  return then ? [{ kind: 'stale', then, times, tools }] : [];
}

/** By the turns before it alone: so a turn stays what it was when it was the newest. */
function isStale(turns: readonly Turn[], at: number): boolean {
  const before = turns.slice(Math.max(0, at - STALE_MEMORY), at);
  const known = new Set(before.flatMap(({ calls }) => calls.map(({ news }) => news)));
  return turns[at]?.calls.every(({ news }) => known.has(news)) ?? false;
}

function crossed(
  { warn, stop }: LoopThreshold,
  { before, times }: { before: number; times: number },
): FoundLoop['then'] | undefined {
  if (times >= stop) return 'stop';
  return before < warn && times >= warn ? 'warn' : undefined;
}
