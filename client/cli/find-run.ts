// A run by what was typed of its id.
import type { ContentStore } from '../../activities/store';
import { runRecordName } from '../../activities/store/ref-names';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { isRunId } from '../run-labels';
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
  const ids = found.slice(0, CANDIDATES).map(({ name }) => decodeURIComponent(name.slice(name.indexOf('/') + 1)));
  throw new ClientError(
    'run-not-found',
    `several runs begin with "${given}": ${ids.join(', ')}${found.length > CANDIDATES ? ', ...' : ''}. Type more of the id.`,
  );
}

const notFound = (given: string): ClientError =>
  new ClientError('run-not-found', `there is no run "${given}" in this store. "longhaul list" shows those there are.`);
