// What a trace tells of a run: its calls, from their records, what it asked people, and the runs of its sub-agents; where a server answers,
// also what is under way.
import type { Client } from '@temporalio/client';
import type { ContentStore } from '../../activities/store';
import { callsOf, totalsOf, withKnownCost, type CallTotals, type RunCall } from '../../activities/store/run-calls';
import { addCosts, type Cost, type SpentDetails } from '../../workflows/contract/cost';
import type { Usage } from '../../workflows/contract/message';
import type { ModelRecord } from '../../workflows/contract/schemas/call-record';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { firstRunIdOf } from '../first-run';
import { directSubRuns } from '../sub-runs';
import { requestsOf, type AskedOfRun } from '../requests-of';
import { costBeyond } from '../cost-beyond';
import { counted } from '../format';
import { liveRun, type LiveRun } from '../live-run';
import { readHistory, type RunHistory } from './run-history';
import type { Waiting } from '../inbox';
import { askedNow, openStatus, waitingNow } from '../waiting-now';

export interface TracedCall {
  number: number;
  fork: number;
  turn: number;
  index: number;
  kind: Exclude<RunCall['record']['kind'], 'started-tool'>;
  /** The model as `provider/model`, or the tool. */
  name: string;
  asked: string | null;
  /** Milliseconds after the run's start. */
  offsetMs: number;
  durationMs: number;
  /** The one that succeeded, from 1. */
  attempt: number;
  worker: string;
  usage: Usage | null;
  /** Absent where nobody counted it; with what requests before the answer took. */
  cost?: Cost;
  preview: string;
  /** What was wrong with an answer, or how a tool failed. */
  failure: string | null;
  /** Of an answer from a call that was shared: how many tasks that had, and why this one was asked again alone. */
  batched: { of: number; alone: string | null } | null;
  /** Tools that had failed before this one stood in for them; of a model others of its route, which failed or were not asked. */
  failedBefore: { name: string; type: string }[];
  /** Of a model call that was given the answer of another: whose, when, what it took then, and whether its question was only near. */
  cached: { run: string; at: number; saved: Usage | null; near: boolean } | null;
  /** Whether the call was later answered from this record instead of being made again; null where no history tells. */
  reused: boolean | null;
}

/** Estimated, as all that brought no answer. */
export interface Unrecorded {
  modelCalls: number;
  usage: Usage;
  cost?: Cost;
}

/** One run, with those that its calls of sub-agents began. */
export interface TracedRun {
  record: RunRecord;
  status: string;
  firstRunId: string | undefined;
  calls: TracedCall[];
  /** The same, as recorded. */
  recorded: RunCall[];
  totals: CallTotals;
  /** What stopped and failed calls took, of which there is no record. */
  unrecorded: Unrecorded | undefined;
  live: LiveRun | undefined;
  /** `unreachable`: no server was asked. */
  history: RunHistory | 'gone' | 'unreachable';
  /** Everything that it has asked people. */
  asked: AskedOfRun[];
  /** What of it waits for an answer. */
  waiting: Waiting[];
  unreadable: number;
  subRuns: TracedRun[];
}

/** From where a trace is read. */
export interface TraceSources {
  store: ContentStore;
  /** Absent where no server answers. */
  temporal?: Client;
  /** A record as it should be, of a run that was ended from outside. @default as it is */
  settled?(record: RunRecord): Promise<RunRecord>;
}

/** @param below the records of all runs of sub-agents, at whatever depth */
export async function tracedRun(
  sources: TraceSources,
  found: RunRecord,
  below: readonly RunRecord[],
): Promise<TracedRun> {
  const { store, temporal, settled } = sources;
  const record = settled ? await settled(found) : found;
  const live = temporal ? await liveRun(temporal, record.id) : undefined;
  const history = await historyOf(temporal, record, live);
  const reused = typeof history === 'string' ? undefined : reusedIn(history);
  const firstRunId = record.ended?.firstRunId ?? live?.firstRunId ?? (await firstRunIdOf(store, record));
  const { calls, unreadable } =
    firstRunId === undefined ? { calls: [], unreadable: 0 } : await callsOf(store, firstRunId);
  const waiting = record.ended ? [] : await waitingNow(store, record.id, live);
  const soFar = totalsOf(calls);
  const subRuns = await Promise.all(directSubRuns(below, record).map((sub) => tracedRun(sources, sub, below)));
  return {
    ...{ record, firstRunId, live, history, unreadable, waiting },
    asked: firstRunId === undefined || record.erased ? [] : await requestsOf(store.of(record.tenant), firstRunId),
    status: record.ended?.outcome ?? openStatus(live, waiting),
    calls: calls.map((call) => tracedCall(call, record, reused)),
    recorded: calls,
    totals: record.ended?.totals ?? withKnownCost(soFar),
    unrecorded: unreadable > 0 ? undefined : unrecordedOf(record, [soFar, ...subRuns.map(({ totals }) => totals)]),
    subRuns,
  };
}

/** Of an erased run nothing is asked for: what people said stands in it, too. */
async function historyOf(
  temporal: Client | undefined,
  { id, ended, erased }: RunRecord,
  live: LiveRun | undefined,
): Promise<TracedRun['history']> {
  if (!temporal) return 'unreachable';
  return live && !erased ? await readHistory(temporal, id, ended?.firstRunId ?? live.firstRunId) : 'gone';
}

export const callName = ({ fork, turn, index }: { fork: number; turn: number; index: number }): string =>
  `${fork}/${turn}/${index}`;

/** Calls whose latest completion came from a record. */
const reusedIn = ({ calls }: RunHistory): Set<string> =>
  new Set(calls.flatMap(({ key, reused }) => (key && reused ? [callName(key)] : [])));

/** What the totals have beyond the calls of which there are records, its own and those of its sub-agents' runs. */
function unrecordedOf({ ended, erased }: RunRecord, told: readonly CallTotals[]): Unrecorded | undefined {
  if (!ended?.totals.estimated || erased) return undefined;
  const { modelCalls, usage, cost } = ended.totals;
  const beyond = (all: number, part: (totals: CallTotals) => number): number =>
    Math.max(
      0,
      told.reduce((rest, totals) => rest - part(totals), all),
    );
  const used: Usage = {
    input: beyond(usage.input, (one) => one.usage.input),
    cachedInput: beyond(usage.cachedInput, (one) => one.usage.cachedInput),
    output: beyond(usage.output, (one) => one.usage.output),
    reasoning: beyond(usage.reasoning, (one) => one.usage.reasoning),
  };
  if (used.input === 0 && used.output === 0) return undefined;
  const rest = cost && told.reduce((left, one) => costBeyond(left, one.cost), cost);
  return {
    modelCalls: beyond(modelCalls, (one) => one.modelCalls),
    usage: used,
    ...(rest ? { cost: rest } : {}),
  };
}

/** @param shown of its turns, those that are shown; of its sub-agents' runs all are */
export function traceJson(traced: TracedRun, shown?: { from: number; to: number }): object {
  const { record, status, firstRunId, calls, totals, unrecorded, live, asked, waiting, unreadable, subRuns } = traced;
  const { turns, modelCalls, toolCalls, usage, cachedCalls, saved, savedCost, cost, estimated } = totals;
  return {
    id: record.id,
    agent: record.agent,
    status,
    outcome: record.ended?.outcome ?? null,
    firstRunId: firstRunId ?? null,
    startedAt: record.startedAt,
    endedAt: record.ended?.at ?? null,
    totals: {
      ...{ turns, modelCalls, toolCalls, usage },
      ...(cachedCalls === undefined ? {} : { cachedCalls }),
      ...(saved ? { saved } : {}),
      ...(savedCost ? { savedCost } : {}),
      ...(cost ? { cost } : {}),
      ...(estimated ? { estimated } : {}),
    },
    unrecorded: unrecorded ?? null,
    turns: turnsOf(calls.filter(({ turn }) => !shown || (turn >= shown.from && turn <= shown.to))).map(
      ([first, ...others]) => ({
        fork: first.fork,
        turn: first.turn,
        calls: [first, ...others],
        requests: askedIn(first, asked),
      }),
    ),
    waiting: askedNow(waiting),
    pending: live?.pending ?? [],
    failure: record.ended?.failure ?? null,
    forkedFrom: record.forkedFrom ? { run: record.forkedFrom.run, step: record.forkedFrom.step } : null,
    calledBy: record.parent ? { run: record.parent.run, turn: record.parent.turn, index: record.parent.index } : null,
    erased: record.erased ?? null,
    problems: live?.problems ?? [],
    unreadable,
    subRuns: subRuns.map((sub) => traceJson(sub)),
  };
}

function tracedCall(call: RunCall, { startedAt }: RunRecord, reused: Set<string> | undefined): TracedCall {
  const { record, number, fork, turn, index, asked } = call;
  const common = {
    number,
    fork,
    turn,
    index,
    offsetMs: record.startedAt - startedAt,
    durationMs: record.endedAt - record.startedAt,
    attempt: record.attempt,
    worker: record.worker,
    cached: cachedFrom(record),
    batched:
      record.kind === 'model' && record.batch ? { of: record.batch.of, alone: record.batch.alone ?? null } : null,
    failedBefore: failedBeforeOf(record),
    reused: reused ? reused.has(callName(call)) : null,
  };
  if (record.kind === 'tool') {
    const { message, failure } = record.result;
    const result = { usage: null, preview: message.preview, failure: failure ?? null };
    return { ...common, kind: 'tool', name: record.name, asked: asked ?? null, ...result };
  }
  if (record.kind === 'started-tool') {
    const preview = 'has begun work elsewhere, whose outcome is asked for';
    return { ...common, kind: 'tool', name: record.name, asked: asked ?? null, usage: null, preview, failure: null };
  }
  if (record.kind === 'compaction') {
    const { model, usage, covered } = record.result;
    const { first, last } = record.range;
    const preview = `sums up ${counted(covered, 'message')}, ${first} to ${last}`;
    return {
      ...{ ...common, kind: 'compaction', name: model, asked: null, usage, preview, failure: null },
      ...costOfCall(record.result),
    };
  }
  const { model, usage, messages, toolCalls, problem, pruned, notices } = record.answer;
  const preview =
    toolCalls.length > 0 ? `calls ${toolCalls.map(({ name }) => name).join(', ')}` : (messages[0]?.preview ?? '');
  const edit = pruned ? `leaves out ${counted(pruned.results, 'tool result')}; ` : '';
  const told = notices ? 'is warned first; ' : '';
  const shared = record.batch ? `${sharedText(record.batch)}; ` : '';
  return {
    ...common,
    kind: 'model',
    name: model,
    asked: null,
    usage,
    preview: `${edit}${told}${shared}${preview}`,
    failure: problem?.type ?? null,
    ...costOfCall(record.answer),
  };
}

function cachedFrom(record: RunCall['record']): TracedCall['cached'] {
  if (record.kind !== 'model' || !record.origin) return null;
  const { run, at, near = false } = record.origin;
  return { run, at, saved: record.answer.saved ?? null, near };
}

function costOfCall({ cost, unanswered }: { cost?: Cost; unanswered?: SpentDetails }): { cost?: Cost } {
  const all = addCosts(cost, unanswered?.cost);
  return all ? { cost: all } : {};
}

function failedBeforeOf(record: RunCall['record']): TracedCall['failedBefore'] {
  if (record.kind === 'tool') return record.failedBefore ?? [];
  return record.kind === 'model' || record.kind === 'compaction'
    ? (record.tried ?? []).map(({ route, failure }) => ({ name: route, type: failure }))
    : [];
}

export const sharedText = ({ item, of, alone }: NonNullable<ModelRecord['batch']>): string =>
  `task ${item} of a call for ${of}${alone ? `, asked again alone (${alone})` : ''}`;

type Turn = [TracedCall, ...TracedCall[]];

export function turnsOf(calls: readonly TracedCall[]): Turn[] {
  const turns = new Map<string, Turn>();
  for (const call of calls) {
    const turn = turns.get(`${call.fork}/${call.turn}`);
    if (turn) turn.push(call);
    else turns.set(`${call.fork}/${call.turn}`, [call]);
  }
  return [...turns.values()];
}

/** Of the turn of a call. */
export const askedIn = ({ fork, turn }: TracedCall, asked: readonly AskedOfRun[]): AskedOfRun[] =>
  fork > 0 ? [] : asked.filter((one) => one.turn === turn);
