// A run as a trace: its record, its calls, what it asked people and its sub-agents' runs, from the store; and what Temporal's history adds,
// where there still is one. See trace-shapes.ts.
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { counted } from '../format';
import { historyByCall, recordedSpan, unrecordedSpan, type CallSpan } from './call-spans';
import { degradedText, momentSpans } from './moment-spans';
import type { RunTrace, TraceRun, TraceSpan } from './trace-shapes';
import { tracedInTime, type TraceWithin } from './traced-in-time';
import { callName } from './traced-call';
import type { TracedRun, TraceSources } from './traced-run';

export interface ReadTraceOptions extends TraceWithin {
  /** Of the run itself; those of its sub-agents are whole. @default all */
  turns?: { from: number; to: number };
}

/** Where Temporal does not answer in time, `history` says so, and the store alone tells. @throws what keeps the store from telling */
export async function readTrace(
  sources: TraceSources,
  record: RunRecord,
  options: ReadTraceOptions = {},
): Promise<RunTrace> {
  return traceOf(await tracedInTime(sources, record, options), options);
}

export function traceOf(traced: TracedRun, { turns }: ReadTraceOptions = {}): RunTrace {
  const all = Math.max(0, ...traced.calls.map(({ turn }) => turn));
  const shown = turns ?? { from: all === 0 ? 0 : 1, to: all };
  const spans = spansOf(traced, { parent: null, depth: 0 }, turns);
  return {
    run: factsOf(traced),
    spans,
    turns: { from: shown.from, to: Math.min(shown.to, all), of: all },
    history: typeof traced.history === 'string' ? traced.history : 'read',
    problems: problemsOf(traced),
    unreadable: withSubRuns(traced).reduce((sum, one) => sum + one.unreadable, 0),
  };
}

const problemsOf = (traced: TracedRun): string[] =>
  withSubRuns(traced).flatMap((one) => [...(one.live?.problems ?? []), ...missingIn(one)].map(of(one, traced)));

/** What is not in it, and why: a line each, for whoever would look for it there. */
export const missingOf = (traced: TracedRun): string[] => [
  ...(traced.history === 'unreachable'
    ? ['Temporal did not answer: the records tell what was called, and not what was waited for or is under way.']
    : []),
  ...withSubRuns(traced).flatMap((one) => missingIn(one).map(of(one, traced))),
];

const withSubRuns = (traced: TracedRun): TracedRun[] => [traced, ...traced.subRuns.flatMap(withSubRuns)];

const of =
  ({ record: { id } }: TracedRun, root: TracedRun) =>
  (text: string): string =>
    id === root.record.id ? text : `run ${id}: ${text}`;

const missingIn = ({ history, record, unreadable }: TracedRun): string[] => [
  ...(typeof history !== 'string' && history.isPartial
    ? ['the oldest part of its history is gone, or too long ago to be read: of that time its records alone tell.']
    : []),
  ...(history === 'gone' && !record.erased
    ? ['Temporal does not have its history any more: its records tell what was called, and not what was waited for.']
    : []),
  ...(unreadable > 0 ? [`${counted(unreadable, 'record')} of its calls cannot be read by this version.`] : []),
];

function factsOf({ record, status, live, firstRunId, totals }: TracedRun): TraceRun {
  const { id, agent, release, tenant, question, startedAt, ended, degraded, forkedFrom, parent, erased } = record;
  return {
    ...{ id, agent, release, tenant, question, status },
    ...(live?.reason === undefined ? {} : { reason: live.reason }),
    outcome: ended?.outcome ?? null,
    failure: ended?.failure ?? null,
    startedMs: startedAt,
    endedMs: ended?.at ?? null,
    firstRunId: firstRunId ?? null,
    totals,
    limits: ended?.limits ?? live?.progress?.limits ?? null,
    degraded: degraded ? degradedText(degraded) : null,
    forkedFrom: forkedFrom ? { run: forkedFrom.run, step: forkedFrom.step } : null,
    calledBy: parent ? { run: parent.run, root: parent.root, turn: parent.turn, index: parent.index } : null,
    erased: erased ?? null,
  };
}

interface Place {
  parent: string | null;
  depth: number;
}

/** As a tree is read. */
function spansOf(traced: TracedRun, place: Place, turns?: { from: number; to: number }): TraceSpan[] {
  const root = runSpan(traced, place);
  const { byTurn, loose } = sorted(traced);
  const isShown = (turn: number): boolean => !turns || (turn >= turns.from && turn <= turns.to);
  const own: { startMs: number; spans: TraceSpan[] }[] = [];
  for (const { span, children } of byTurn) {
    if (!isShown(span.turn ?? 0)) continue;
    const parent: TraceSpan = { ...span, parent: root.id, depth: root.depth + 1 };
    const below = children.flatMap((child) => [
      { ...child, parent: parent.id, depth: parent.depth + 1 },
      ...subRunsOf(traced, child, parent.depth + 2),
    ]);
    own.push({ startMs: span.startMs, spans: [parent, ...below] });
  }
  const [from, to] = [
    own[0]?.startMs ?? 0,
    Math.max(0, ...own.flatMap(({ spans }) => spans.map(({ endMs }) => endMs ?? Infinity))),
  ];
  for (const one of loose)
    if (!turns || (one.startMs >= from && one.startMs <= to))
      own.push({ startMs: one.startMs, spans: [{ ...one, parent: root.id, depth: root.depth + 1 }] });
  if (!turns)
    for (const sub of unplaced(traced, byTurn))
      own.push({ startMs: sub.record.startedAt, spans: spansOf(sub, { parent: root.id, depth: root.depth + 1 }) });
  return [root, ...own.sort((a, b) => a.startMs - b.startMs).flatMap(({ spans }) => spans)];
}

function runSpan({ record, status, unrecorded }: TracedRun, { parent, depth }: Place): TraceSpan {
  const { id, agent, release, startedAt, ended, question } = record;
  const spent =
    unrecorded &&
    `${unrecorded.usage.input} tokens in and ${unrecorded.usage.output} out, estimated, went to requests that brought no answer`;
  return {
    ...{ id: `${id}/`, parent, depth, run: id, kind: 'run', name: agent, release, asked: question },
    status: !ended ? 'open' : ended.outcome === 'completed' ? 'done' : status === 'cancelled' ? 'cancelled' : 'failed',
    startMs: startedAt,
    endMs: ended?.at ?? null,
    ...(ended?.output ? { preview: ended.output.preview } : {}),
    ...(ended?.failure ? { failure: ended.failure } : {}),
    ...(spent ? { note: spent } : {}),
  };
}

/** Of calls that have no record yet. */
function unplaced({ subRuns }: TracedRun, turns: readonly TurnOfSpans[]): TracedRun[] {
  const calls = new Set(
    turns.flatMap(({ children }) => children.filter(mayBegin).map(({ turn, index }) => `${turn}/${index}`)),
  );
  return subRuns.filter(({ record: { parent } }) => !calls.has(`${parent?.turn}/${parent?.index}`));
}

const mayBegin = ({ kind, fork = 0 }: CallSpan): boolean => kind !== 'decision' && kind !== 'waiting' && fork === 0;

interface TurnOfSpans {
  span: CallSpan;
  children: CallSpan[];
}

/** By turns, and what stands between them. */
function sorted(traced: TracedRun): { byTurn: TurnOfSpans[]; loose: CallSpan[] } {
  const turns = new Map<string, CallSpan[]>();
  const add = (fork: number, turn: number, span: CallSpan): void => {
    const spans = turns.get(`${fork}/${turn}`);
    if (spans) spans.push(span);
    else turns.set(`${fork}/${turn}`, [span]);
  };
  const loose: CallSpan[] = [];
  const history = historyByCall(traced);
  traced.calls.forEach((call, at) => {
    const recorded = traced.recorded[at];
    if (!recorded) return;
    add(call.fork, call.turn, recordedSpan(traced, recorded, call, history.get(callName(call)) ?? []));
  });
  for (const [span, key] of unrecordedCalls(traced)) {
    if (key) add(key.fork, key.turn, span);
    else loose.push(span);
  }
  const moments = momentSpans(traced);
  for (const span of moments) if (span.turn !== undefined) add(span.fork ?? 0, span.turn, span);
  const byTurn = [...turns].map(([name, children]) => turnSpan(traced, name, children));
  for (const span of moments) {
    if (span.turn !== undefined) continue;
    const within = span.kind === 'waiting' ? byTurn.find(({ span: turn }) => isWithin(span, turn)) : undefined;
    if (within) within.children.push(span);
    else loose.push(span);
  }
  for (const { children } of byTurn) children.sort((a, b) => a.startMs - b.startMs || (a.index ?? 0) - (b.index ?? 0));
  return {
    byTurn: byTurn.sort((a, b) => (a.span.fork ?? 0) - (b.span.fork ?? 0) || (a.span.turn ?? 0) - (b.span.turn ?? 0)),
    loose,
  };
}

const isWithin = ({ startMs }: CallSpan, turn: CallSpan): boolean =>
  startMs >= turn.startMs && startMs <= (turn.endMs ?? Infinity);

/** What was asked for and has no record: all that did not end with an answer, but what a record of another time stands for. */
function unrecordedCalls(traced: TracedRun): [CallSpan, { fork: number; turn: number } | undefined][] {
  const { history, recorded, live } = traced;
  if (typeof history === 'string') return [];
  const names = new Set(recorded.map((call) => callName(call)));
  const open = history.calls.filter(({ status }) => status === 'open');
  const pending = live?.pending.length === open.length ? live.pending : [];
  return history.calls.flatMap((call, nth): [CallSpan, { fork: number; turn: number } | undefined][] => {
    const isAnswered = call.status === 'done' && (call.key ? names.has(callName(call.key)) : true);
    if (isAnswered || call.instead) return [];
    const span = unrecordedSpan(traced, call, nth);
    const now = call.status === 'open' ? pending[open.indexOf(call)] : undefined;
    return [[now ? underWay(span, now) : span, call.key]];
  });
}

function underWay(
  span: CallSpan,
  { attempt, since, lastFailure }: NonNullable<TracedRun['live']>['pending'][number],
): CallSpan {
  return {
    ...span,
    attempt,
    ...(since === undefined ? {} : { startMs: since }),
    ...(lastFailure === undefined ? {} : { note: `tried again, after ${lastFailure}` }),
  };
}

function turnSpan({ record }: TracedRun, name: string, children: CallSpan[]): TurnOfSpans {
  const [fork = 0, turn = 0] = name.split('/').map(Number);
  const startMs = Math.min(...children.map((child) => child.startMs));
  const isOpen = children.some(({ endMs }) => endMs === null);
  return {
    span: {
      ...{ id: `${record.id}/turn/${name}`, run: record.id, kind: 'turn', name: `turn ${turn}`, turn, fork, startMs },
      endMs: isOpen ? null : Math.max(...children.map(({ endMs }) => endMs ?? 0)),
      status: isOpen ? 'open' : 'done',
    },
    children,
  };
}

/** Those that a call has begun. */
function subRunsOf({ subRuns }: TracedRun, call: CallSpan, depth: number): TraceSpan[] {
  const { id, turn, index } = call;
  if (!mayBegin(call)) return [];
  return subRuns
    .filter(({ record: { parent } }) => parent?.turn === turn && parent?.index === index)
    .flatMap((sub) => spansOf(sub, { parent: id, depth }));
}
