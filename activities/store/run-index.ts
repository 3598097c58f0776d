// Runs in the order of their starts, newest first: so that a list of twenty reads about twenty records, however many there are or are open.
import { z } from 'zod';
import { refPages } from './all-refs';
import type { ContentStore, RefWrite } from './port';
import { OPEN_PREFIX, RUN_PREFIX, runRecordName, shadowsOf, unwatchedName } from './ref-names';
import { isShadowId } from '../../workflows/contract/names';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';

/** From when only ended runs were in it: entries of that time are of today's form. */
const PREFIX = 'ended/';
/** There once every run of the store has its entry. */
const COMPLETE = 'index/runs';
/** There once every ended run has: a store that has only this one is of an earlier version. */
const ENDED_COMPLETE = 'index/ended';
/** Later than any clock shows before the year 2286, and as many digits as every time until then. */
export const LAST_MS = 9_999_999_999_999;
const PAGE = 200;
/** Written side by side: as many as a store commits together. */
const AT_ONCE = 50;

const entrySchema = z.object({
  id: z.string(),
  agent: z.string(),
  /** Of one that has ended. */
  outcome: z.string().exactOptional(),
  isSubRun: z.literal(true).exactOptional(),
});
/** The record says more, and is later: an entry is written with it, and found before it. */
export type IndexedRun = z.output<typeof entrySchema> & Pick<RunRecord, 'startedAt'>;

/** A shadow has its entry among those of its agent, and in no list of runs. */
export function runEntryName({
  id,
  startedAt,
  agent,
}: Pick<RunRecord, 'id' | 'startedAt'> & Partial<Pick<RunRecord, 'agent'>>): string {
  const inverted = String(LAST_MS - startedAt).padStart(13, '0');
  return `${isShadowId(id) ? shadowsOf(agent ?? '') : PREFIX}${inverted}/${encodeURIComponent(id)}`;
}

/** To be committed with the record. */
export function runEntry(record: RunRecord): Extract<RefWrite, { op: 'put' }> {
  const { id, agent, ended, parent } = record;
  const value: z.output<typeof entrySchema> = {
    ...{ id, agent },
    ...(ended ? { outcome: ended.outcome } : {}),
    ...(parent ? { isSubRun: true } : {}),
  };
  return { op: 'put', name: runEntryName(record), value };
}

/** Where no watch comes for so long it need not see them. */
const UNWATCHED_MS = 7 * 86_400_000;

/**
 * The same store, which writes an ended run's entry together with its record, whoever ends it.
 * @param isWatched whether a watch is to see the run too
 */
export function withEndedRuns(store: ContentStore, isWatched = false): ContentStore {
  return {
    ...store,
    of: (tenant) => withEndedRuns(store.of(tenant), isWatched),
    commit: ({ objects = [], refs = [] }) =>
      store.commit({ objects, refs: [...refs, ...refs.flatMap((write) => entriesFor(write, isWatched))] }),
  };
}

function entriesFor({ name, value }: RefWrite, isWatched: boolean): RefWrite[] {
  const record = name.startsWith(RUN_PREFIX) ? runRecordSchema.safeParse(value).data : undefined;
  if (!record?.ended) return [];
  const { at } = record.ended;
  const unwatched: RefWrite = {
    ...{ op: 'put', name: unwatchedName(record.id, at), value: { id: record.id } },
    expiresAt: at + UNWATCHED_MS,
  };
  return [runEntry(record), ...(isWatched && !record.erased ? [unwatched] : [])];
}

/**
 * Once in a store's life: entries for the runs that were there before there were any. A run that a process of an earlier version
 * starts afterwards has its entry when it ends.
 */
export async function indexRuns(store: ContentStore): Promise<void> {
  if (await store.readRef(COMPLETE)) return;
  const prefix = (await store.readRef(ENDED_COMPLETE)) ? OPEN_PREFIX : RUN_PREFIX;
  for await (const page of refPages(store, prefix, { size: PAGE })) {
    const refs =
      prefix === RUN_PREFIX
        ? page
        : await Promise.all(page.map(({ name }) => store.readRef(`${RUN_PREFIX}${name.slice(OPEN_PREFIX.length)}`)));
    await addEntries(
      store,
      refs.flatMap((ref) => runRecordSchema.safeParse(ref?.value).data ?? []),
    );
  }
  await store.commit({ refs: [{ op: 'put', name: COMPLETE, value: { at: Date.now() } }] });
}

async function addEntries(store: ContentStore, records: readonly RunRecord[]): Promise<void> {
  await store.commit({ refs: records.filter(({ ended }) => ended).map(runEntry) });
  // One that has ended since has its entry from whoever ended it: that stays.
  const open = records.filter(({ ended }) => !ended).map((record): RefWrite => ({ ...runEntry(record), op: 'create' }));
  for (let at = 0; at < open.length; at += AT_ONCE)
    await Promise.all(open.slice(at, at + AT_ONCE).map((write) => store.commit({ refs: [write] })));
}

/**
 * Newest first, read page by page. Undefined where the store has runs that are not indexed yet.
 * @param behind the run that comes before the first, by its start and id @default from the newest
 */
export async function indexedRuns(
  store: ContentStore,
  behind?: Pick<RunRecord, 'id' | 'startedAt'>,
): Promise<AsyncIterable<IndexedRun> | undefined> {
  return (await store.readRef(COMPLETE)) ? entriesOf(store, behind && runEntryName(behind)) : undefined;
}

async function* entriesOf(store: ContentStore, behind: string | undefined): AsyncGenerator<IndexedRun> {
  for await (const page of refPages(store, PREFIX, { from: behind, size: PAGE }))
    for (const { name, value } of page) {
      const entry = entrySchema.safeParse(value);
      const inverted = Number(name.slice(PREFIX.length, name.indexOf('/', PREFIX.length)));
      if (entry.success) yield { ...entry.data, startedAt: LAST_MS - inverted };
    }
}

/** @returns undefined where it was taken back: under its id another may have been started since, which has an entry of its own */
export async function recordOf(store: ContentStore, { id, startedAt }: IndexedRun): Promise<RunRecord | undefined> {
  const { data } = runRecordSchema.safeParse((await store.readRef(runRecordName(id)))?.value);
  return data?.startedAt === startedAt ? data : undefined;
}
