// Runs in the order of their starts, newest first, page by page: those that are open, which are few, and those that have ended, by their index.
import { z } from 'zod';
import { allRefs, type ContentStore } from '../../activities/store';
import { LAST_MS, endedRuns } from '../../activities/store/ended-runs';
import { OPEN_PREFIX, RUN_PREFIX, runRecordName } from '../../activities/store/ref-names';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { isRunId } from '../run-labels';
import { openedCursor, sealedCursor } from './cursor';

export interface RunFilter {
  fits(record: RunRecord): Promise<boolean> | boolean;
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

/** As their index has ended runs: newest first, of one moment in the order of their names there. */
const inOrder = (one: Place, other: Place): number =>
  other.startedAt - one.startedAt || (encodeURIComponent(one.id) < encodeURIComponent(other.id) ? -1 : 1);
const isBehind = (run: Place, place: Place | undefined): boolean =>
  place === undefined || (run.id !== place.id && inOrder(place, run) < 0);

export async function listRuns(
  store: ContentStore,
  { fits, limit, cursor }: RunFilter,
): Promise<{ runs: RunRecord[]; next?: string }> {
  const behind = cursor === undefined ? undefined : await placeOf(store, cursor);
  const runs: RunRecord[] = [];
  let looked = 0;
  for await (const record of recordsBehind(store, behind)) {
    looked += 1;
    if (await fits(record)) runs.push(record);
    if (runs.length === limit || looked === LOOKED_AT_MAX) return { runs, next: await cursorAt(store, record) };
  }
  return { runs };
}

async function* recordsBehind(store: ContentStore, place: Place | undefined): AsyncGenerator<RunRecord> {
  const index = await endedRuns(store, place);
  // Older than the index of ended runs; the next worker brings them into it.
  const waiting = (index ? await openRecords(store) : parsed(await allRefs(store, RUN_PREFIX)))
    .filter((record) => isBehind(record, place))
    .sort(inOrder);
  const told = new Set<string>();
  for await (const { id } of index ?? []) {
    const [ended] = parsed([await store.readRef(runRecordName(id))]);
    if (!ended) continue;
    for (let open = waiting[0]; open && inOrder(open, ended) < 0; open = waiting[0]) {
      waiting.shift();
      if (!told.has(open.id)) yield open;
      told.add(open.id);
    }
    // One that has just ended may be in both.
    if (!told.has(id)) yield ended;
    told.add(id);
  }
  for (const open of waiting) if (!told.has(open.id)) yield open;
}

async function openRecords(store: ContentStore): Promise<RunRecord[]> {
  const ids = (await allRefs(store, OPEN_PREFIX)).map(({ name }) => decodeURIComponent(name.slice(OPEN_PREFIX.length)));
  return parsed(await Promise.all(ids.map((id) => store.readRef(runRecordName(id)))));
}

const parsed = (refs: readonly ({ value: unknown } | undefined)[]): RunRecord[] =>
  refs.flatMap((ref) => {
    const record = runRecordSchema.safeParse(ref?.value);
    return record.success ? [record.data] : [];
  });
