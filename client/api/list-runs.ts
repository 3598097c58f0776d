// Runs in the order of their starts, newest first, page by page: a run keeps its place when it ends.
import { z } from 'zod';
import type { ContentStore } from '../../activities/store';
import { LAST_MS, indexRuns, indexedRuns, recordOf, type IndexedRun } from '../../activities/store/run-index';
import { runRecordName } from '../../activities/store/ref-names';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { isRunId } from '../run-labels';
import { openedCursor, sealedCursor } from './cursor';

export interface RunFilter {
  fits(record: RunRecord): Promise<boolean> | boolean;
  /** Of which runs, by what their entries in the index say: the records of others are not read. @default all */
  agent?: string | undefined;
  limit: number;
  /** As the page before gave it. */
  cursor?: string | undefined;
}

/** Records that are looked at for one page: a filter that fits nothing must not read a whole store. */
const LOOKED_AT_MAX = 1_000;

const placeSchema = z.tuple([z.number().int().min(0).max(LAST_MS), z.string().refine(isRunId)]);
type Place = Pick<RunRecord, 'id' | 'startedAt'>;

const LIST = 'runs';

const cursorAt = (store: ContentStore, { startedAt, id }: Place): Promise<string> =>
  sealedCursor(store, LIST, JSON.stringify([startedAt, id]));

/** @throws Problem `Api.Invalid` */
async function placeOf(store: ContentStore, cursor: string): Promise<Place> {
  const [startedAt, id] = placeSchema.parse(JSON.parse(await openedCursor(store, LIST, cursor)));
  return { startedAt, id };
}

export async function listRuns(
  store: ContentStore,
  { fits, agent, limit, cursor }: RunFilter,
): Promise<{ runs: RunRecord[]; next?: string }> {
  const behind = cursor === undefined ? undefined : await placeOf(store, cursor);
  const runs: RunRecord[] = [];
  let looked = 0;
  for await (const entry of await runsBehind(store, behind)) {
    looked += 1;
    const record = agent === undefined || entry.agent === agent ? await recordOf(store, entry) : undefined;
    if (record && (await fits(record))) runs.push(record);
    if (runs.length === limit || looked === LOOKED_AT_MAX) return { runs, next: await cursorAt(store, entry) };
  }
  return { runs };
}

/** Those whose id begins so, newest first: there are few, and the index of runs is not in the order of their ids. */
export async function runsNamed(
  store: ContentStore,
  { fits, limit }: Pick<RunFilter, 'fits' | 'limit'>,
  beginning: string,
): Promise<RunRecord[]> {
  const refs = await store.listRefs(runRecordName(beginning), { limit: LOOKED_AT_MAX });
  const records = refs.flatMap(({ value }) => runRecordSchema.safeParse(value).data ?? []);
  const found: RunRecord[] = [];
  for (const record of records.sort((a, b) => b.startedAt - a.startedAt))
    if (found.length < limit && (await fits(record))) found.push(record);
  return found;
}

async function runsBehind(store: ContentStore, place: Place | undefined): Promise<AsyncIterable<IndexedRun>> {
  const runs = await indexedRuns(store, place);
  if (runs) return runs;
  // Older than the index, and no worker of today has been started on it yet.
  await indexRuns(store);
  return await runsBehind(store, place);
}
