// What the calls of runs say of an agent: context by turn, tools, answers that could not be used, and when requests were made.
import { busyMs, toolsIn, type ToolFacts } from '../../activities/store/call-facts';
import type { RunCall } from '../../activities/store/run-calls';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { distributionOf } from './percentiles';
import type { AgentProfile } from './profile-shape';

/** What is behind this turn is of few runs, and no page shows it. */
const TURNS_SHOWN = 200;
const MINUTE = 60_000;

type OfCalls = Pick<AgentProfile, 'context' | 'model' | 'tools' | 'unexpected' | 'arrivals'> & { waitingMs: number[] };

export interface CallFigures {
  take(record: RunRecord, calls: readonly RunCall[]): void;
  figures(): OfCalls;
}

export function createCallFigures(): CallFigures {
  const context = new Map<number, number[]>();
  const modelMs: number[] = [];
  const waitingMs: number[] = [];
  let [retried, cached] = [0, 0];
  const tools = new Map<string, { ms: number[]; failures: Map<string, number> }>();
  const unexpected = new Map<string, { times: number; runs: Set<string>; then: Map<string, number> }>();
  const minutes = new Map<number, { requests: number; tokens: number }>();

  const takeModel = (record: RunRecord, call: RunCall, calls: readonly RunCall[]): void => {
    if (call.record.kind !== 'model') return;
    const { answer, startedAt, endedAt, attempt } = call.record;
    const { usage, problem } = answer;
    if (answer.cached) cached += 1;
    else {
      modelMs.push(endedAt - startedAt);
      if (attempt > 1) retried += 1;
      if (call.fork === 0 && call.turn <= TURNS_SHOWN) addTo(context, call.turn, usage.input);
      const minute = Math.floor(startedAt / MINUTE);
      const before = minutes.get(minute) ?? { requests: 0, tokens: 0 };
      minutes.set(minute, { requests: before.requests + 1, tokens: before.tokens + usage.input + usage.output });
    }
    if (!problem) return;
    const kind = unexpected.get(problem.type) ?? { times: 0, runs: new Set<string>(), then: new Map<string, number>() };
    unexpected.set(problem.type, kind);
    kind.times += 1;
    kind.runs.add(record.id);
    count(kind.then, whatFollowed(record, call, calls));
  };
  const takeTool = (name: string, { ms, failures }: ToolFacts): void => {
    const tool = tools.get(name) ?? { ms: [], failures: new Map<string, number>() };
    tools.set(name, tool);
    tool.ms.push(...ms);
    for (const failure of failures) count(tool.failures, failure);
  };
  return {
    take: (record, calls) => {
      for (const call of calls) takeModel(record, call, calls);
      for (const [name, facts] of toolsIn(calls)) takeTool(name, facts);
      if (record.ended) waitingMs.push(Math.max(0, record.ended.at - record.startedAt - busyMs(calls)));
    },
    figures: () => ({
      waitingMs,
      context: [...context]
        .sort(([a], [b]) => a - b)
        .map(([turn, tokens]) => ({ turn, tokens: distributionOf(tokens) })),
      model: { calls: modelMs.length + cached, ms: distributionOf(modelMs), retried, cached },
      tools: [...tools]
        .map(([name, { ms, failures }]) => ({
          ...{ name, calls: ms.length, ms: distributionOf(ms) },
          failures: counts(failures).map(([type, times]) => ({ type, times })),
        }))
        .sort((a, b) => b.calls - a.calls),
      unexpected: [...unexpected]
        .map(([type, { times, runs, then }]) => ({
          ...{ type, times, runs: runs.size },
          then: counts(then).map(([what, often]) => ({ what, times: often })),
        }))
        .sort((a, b) => b.times - a.times),
      arrivals: {
        minutes: minutes.size,
        requests: distributionOf([...minutes.values()].map(({ requests }) => requests)),
        tokens: distributionOf([...minutes.values()].map(({ tokens }) => tokens)),
      },
    }),
  };
}

/** By the next answer of the same run, or by its end where there is none. */
function whatFollowed({ ended }: RunRecord, { fork, turn }: RunCall, calls: readonly RunCall[]): string {
  const next = calls.find((one) => one.fork === fork && one.turn > turn && one.record.kind === 'model');
  if (next?.record.kind === 'model')
    return next.record.answer.problem
      ? `asked again, then ${next.record.answer.problem.type}`
      : 'asked again, and mended';
  return ended ? `the run ended as ${ended.outcome}` : 'the run has not gone on yet';
}

function addTo(lists: Map<number, number[]>, key: number, value: number): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}

const count = (counted: Map<string, number>, what: string): void =>
  void counted.set(what, (counted.get(what) ?? 0) + 1);

/** The most frequent first. */
export const counts = (counted: ReadonlyMap<string, number>): [string, number][] =>
  [...counted].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
