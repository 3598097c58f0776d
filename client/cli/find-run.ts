// What the store knows of a run: its record, the conversation it has reached, and which execution was its first.
import { allRefs, type ContentStore } from '../../activities/store';
import { RUN_PREFIX, callsOfRun, headName, runRecordName } from '../../activities/store/ref-names';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { isRunId } from '../agent-client';
import { ClientError } from '../errors';

/** Shown of the runs that a prefix could mean. */
const CANDIDATES = 5;

/**
 * @param given the id of a run, or the beginning of one that no other run's id begins with
 * @throws ClientError `run-not-found`, also where several begin so
 */
export async function findRun(store: ContentStore, given: string): Promise<RunRecord> {
  if (!isRunId(given)) throw notFound(given.slice(0, 40));
  const exact = await store.readRef(runRecordName(given));
  const found = exact ? [exact] : await store.listRefs(runRecordName(given), { limit: CANDIDATES + 1 });
  const [only, ...others] = found;
  if (!only) throw notFound(given);
  if (others.length === 0) return runRecordSchema.parse(only.value);
  const ids = found.slice(0, CANDIDATES).map(({ name }) => decodeURIComponent(name.slice(RUN_PREFIX.length)));
  throw new ClientError(
    'run-not-found',
    `several runs begin with "${given}": ${ids.join(', ')}${found.length > CANDIDATES ? ', ...' : ''}. Type more of the id.`,
  );
}

const notFound = (given: string): ClientError =>
  new ClientError('run-not-found', `there is no run "${given}" in this store. "longhaul list" shows those there are.`);

/**
 * The run id of the first execution, under which the calls are recorded. Without a server it is found among the executions that
 * stored a head: only the first one's name has records.
 */
export async function firstRunIdOf(store: ContentStore, { id, ended }: RunRecord): Promise<string | undefined> {
  if (ended) return ended.firstRunId;
  const prefix = headName(id, '');
  for (const { name } of await allRefs(store, prefix)) {
    const runId = decodeURIComponent(name.slice(prefix.length));
    if ((await store.listRefs(callsOfRun(runId, 0), { limit: 1 })).length > 0) return runId;
  }
  return undefined;
}
