// What a trace tells of a run: its calls, from their records, what it asked people, and the runs of its sub-agents; where a server answers,
// also what is under way.
import type { Client } from '@temporalio/client';
import type { ContentStore } from '../../activities/store';
import { callsOf, totalsOf, withKnownCost, type CallTotals, type RunCall } from '../../activities/store/run-calls';
import type { Cost } from '../../workflows/contract/cost';
import type { Usage } from '../../workflows/contract/message';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { firstRunIdOf } from '../first-run';
import { directSubRuns } from '../sub-runs';
import { requestsOf, type AskedOfRun } from '../requests-of';
import { costBeyond } from '../cost-beyond';
import { fewAtOnce } from '../few-at-once';
import { liveRun, type LiveRun } from '../live-run';
import { readHistory, type RunHistory } from './run-history';
import { callName, tracedCall, type TracedCall } from './traced-call';
import type { Waiting } from '../inbox';
import { askedNow, openStatus, waitingNow } from '../waiting-now';

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

/** Of a tree of sub-agents so many are read side by side: each is asked for its whole history, and for what it does now. */
const READ_AT_ONCE = 4;

/** @param below the records of all runs of sub-agents, at whatever depth */
export async function tracedRun(
  sources: TraceSources,
  found: RunRecord,
  below: readonly RunRecord[],
): Promise<TracedRun> {
  const read = await fewAtOnce([found, ...below], READ_AT_ONCE, (record) => readRun(sources, record));
  const byId = new Map(read.map((one) => [one.record.id, one]));
  const withSubRuns = (one: RunRead): TracedRun => {
    const subRuns = directSubRuns(below, one.record).flatMap(({ id }) => {
      const sub = byId.get(id);
      return sub ? [withSubRuns(sub)] : [];
    });
    const told = [totalsOf(one.recorded), ...subRuns.map(({ totals }) => totals)];
    return { ...one, unrecorded: one.unreadable > 0 ? undefined : unrecordedOf(one.record, told), subRuns };
  };
  const [root] = read;
  return withSubRuns(root);
}

type RunRead = Omit<TracedRun, 'unrecorded' | 'subRuns'>;

async function readRun({ store, temporal, settled }: TraceSources, found: RunRecord): Promise<RunRead> {
  const record = settled ? await settled(found) : found;
  const live = temporal ? await liveRun(temporal, record.id) : undefined;
  const history = await historyOf(temporal, record, live);
  const reused = typeof history === 'string' ? undefined : reusedIn(history);
  const firstRunId = record.ended?.firstRunId ?? live?.firstRunId ?? (await firstRunIdOf(store, record));
  const { calls, unreadable } =
    firstRunId === undefined ? { calls: [], unreadable: 0 } : await callsOf(store, firstRunId);
  const waiting = record.ended ? [] : await waitingNow(store, record.id, live);
  return {
    ...{ record, firstRunId, live, history, unreadable, waiting },
    asked: firstRunId === undefined || record.erased ? [] : await requestsOf(store.of(record.tenant), firstRunId),
    status: record.ended?.outcome ?? openStatus(live, waiting),
    calls: calls.map((call) => tracedCall(call, record, reused)),
    recorded: calls,
    totals: record.ended?.totals ?? withKnownCost(totalsOf(calls)),
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
