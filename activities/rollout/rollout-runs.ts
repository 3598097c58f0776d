// The runs of a rollout, read from the store for its statistics: each once in the life of a worker, with its calls where a metric needs them.
import { setImmediate } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { RolloutKept } from '../../workflows/contract/rollout';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { scoreSchema, type Score } from '../../workflows/contract/schemas/score';
import { WHOLE_SHARE } from '../../workflows/contract/schemas/traffic';
import { allRefs, type ContentStore } from '../store';
import { findingsIn } from '../store/findings';
import { placeOf, unitOf } from '../store/pick-release';
import { scoresOf } from '../store/ref-names';
import { callsOf } from '../store/run-calls';
import { indexRuns, indexedRuns, recordOf, type IndexedRun } from '../store/run-index';
import { watchedRun } from '../watch/watched-run';
import { ANOMALIES, DURATION, SCORE, needsCalls, runValues } from './run-values';
import type { RunValues } from './strata';
import type { RolloutRun } from './units';

/** More runs than any window needs: a rollout since whose beginning its agent has had so many is over. */
export const RUNS_MOST = 200_000;
/** Clocks of those who start runs may be behind by so much. */
const SLACK_MS = 600_000;
const AT_ONCE = 50;

/** Each look reads all in the same order: of a rollout that did not fit whole nothing would be found again. Two of the largest do. */
const ENDED_MOST = 2 * RUNS_MOST;

type Ended = LRUCache<string, { run: RolloutRun | null }>;
/** Of runs that have ended, which do not change any more: null of one that is not of the rollout. */
const ENDED = new WeakMap<ContentStore, Ended>();

function endedIn(store: ContentStore): Ended {
  const known = ENDED.get(store) ?? new LRUCache<string, { run: RolloutRun | null }>({ max: ENDED_MOST });
  ENDED.set(store, known);
  return known;
}

export interface RolloutRuns {
  runs: RolloutRun[];
  /** The agent has had more than RUNS_MOST: the oldest are left out. */
  isCut: boolean;
}

type Read = Pick<RolloutKept, 'id' | 'agent' | 'at' | 'sticky' | 'policy'>;

interface Reading {
  /** Whether anybody looks for anomalies: where nobody does nothing is known of them. */
  isWatched: boolean;
  signal?: AbortSignal;
}

/** @throws ApplicationFailure `Store.*` */
export async function readRolloutRuns(store: ContentStore, rollout: Read, reading: Reading): Promise<RolloutRuns> {
  await indexRuns(store);
  const listed = (await indexedRuns(store)) ?? [];
  const runs: RolloutRun[] = [];
  let [seen, isCut] = [0, false];
  let waiting: IndexedRun[] = [];
  const take = async (): Promise<void> => {
    for (const run of await Promise.all(waiting.map((one) => readRun(store, rollout, one)))) if (run) runs.push(run);
    waiting = [];
    // Reading takes what it takes, and this process has other things to do.
    await setImmediate();
    reading.signal?.throwIfAborted();
  };
  for await (const entry of listed) {
    if (entry.startedAt < rollout.at - SLACK_MS) break;
    if (entry.agent !== rollout.agent || entry.isSubRun) continue;
    isCut = seen >= RUNS_MOST;
    if (isCut) break;
    seen += 1;
    waiting.push(entry);
    if (waiting.length === AT_ONCE) await take();
  }
  await take();
  return { runs: await withLateValues(store, rollout, runs, reading), isCut };
}

async function readRun(store: ContentStore, rollout: Read, entry: IndexedRun): Promise<RolloutRun | undefined> {
  const key = `${rollout.id} ${entry.startedAt} ${entry.id}`;
  const ended = endedIn(store);
  const known = ended.get(key);
  if (known) return known.run ?? undefined;
  const record = await recordOf(store, entry);
  if (!record) return undefined;
  const run = record.rollout?.id === rollout.id ? await runOf(store, rollout, record) : null;
  // Which rollout it is of is known from its start, but a run that waits may begin with another release yet.
  if (record.ended) ended.set(key, { run });
  return run ?? undefined;
}

async function runOf(
  store: ContentStore,
  { agent, id: salt, sticky, policy }: Read,
  record: RunRecord,
): Promise<RolloutRun> {
  const { id: run, tenant, session, startedAt, rollout } = record;
  const unit = unitOf(sticky, { tenant, run, ...(session === undefined ? {} : { session }) });
  const values = await endedValues(
    store,
    record,
    policy.metrics.map(({ name }) => name),
  );
  return {
    ...{ unit: JSON.stringify(unit), startedAt, arm: rollout?.arm ?? 'current' },
    place: placeOf(agent, salt, unit) / WHOLE_SHARE,
    id: run,
    ...(values ? { values } : {}),
  };
}

/** Of a run whose content is erased what was counted stays. @returns undefined of one that has not ended */
export async function endedValues(
  store: ContentStore,
  record: RunRecord,
  names: readonly string[],
): Promise<RunValues | undefined> {
  const { ended, startedAt } = record;
  if (!ended) return undefined;
  const isRead = names.some(needsCalls) && ended.firstRunId !== '';
  const { erased: _, ...counted } = record;
  const watched = watchedRun(counted, isRead ? (await callsOf(store, ended.firstRunId)).calls : []);
  if (!watched) return undefined;
  return {
    ...runValues(watched, names),
    ...(names.includes(DURATION) ? { [DURATION]: Math.max(0, ended.at - startedAt) } : {}),
  };
}

/** What others say of a run after its end. */
async function withLateValues(
  store: ContentStore,
  { agent, policy }: Pick<Read, 'agent' | 'policy'>,
  runs: readonly RolloutRun[],
  { isWatched, signal }: Reading,
): Promise<RolloutRun[]> {
  const scores = policy.metrics.flatMap(({ name }) => (name.startsWith(SCORE) ? [name.slice(SCORE.length)] : []));
  const asksOdd = isWatched && policy.metrics.some(({ name }) => name === ANOMALIES);
  if (scores.length === 0 && !asksOdd) return [...runs];
  const odd = asksOdd ? await oddRuns(store, agent) : undefined;
  const withValues = async (run: RolloutRun): Promise<RolloutRun> => {
    if (!run.values) return run;
    const scored = scores.length === 0 ? {} : await scoreValues(store, run.id, scores);
    const values = { ...run.values, ...(odd ? { [ANOMALIES]: Number(odd.has(run.id)) } : {}), ...scored };
    return { ...run, values };
  };
  const late: RolloutRun[] = [];
  for (let at = 0; at < runs.length; at += AT_ONCE) {
    late.push(...(await Promise.all(runs.slice(at, at + AT_ONCE).map(withValues))));
    await setImmediate();
    signal?.throwIfAborted();
  }
  return late;
}

/** Those that a finding names one by one. */
async function oddRuns(store: ContentStore, agent: string): Promise<ReadonlySet<string>> {
  const found = await findingsIn(store, agent);
  return new Set(found.flatMap((one) => (one.of === 'run' ? one.runs.map(({ id }) => id) : [])));
}

/** Of several with one name the mean. */
export async function scoreValues(store: ContentStore, run: string, names: readonly string[]): Promise<RunValues> {
  const given = (await allRefs(store, scoresOf(run))).flatMap(({ value }) => scoreSchema.safeParse(value).data ?? []);
  const values: { [metric: string]: number } = {};
  for (const name of names) {
    const found = given.filter((score) => score.name === name && !score.call).flatMap(shareOf);
    if (found.length > 0) values[`${SCORE}${name}`] = found.reduce((sum, one) => sum + one, 0) / found.length;
  }
  return values;
}

/** Of what is in categories nobody knows which is better. */
function shareOf(score: Score): number[] {
  if (score.kind === 'boolean') return [Number(score.value)];
  if (score.kind !== 'number') return [];
  const { least, most } = score.range;
  return most > least ? [(score.value - least) / (most - least)] : [];
}
