// Ended runs in the order of their starts, newest first: so that a list of twenty reads about twenty records, however many there are.
import { z } from 'zod';
import { allRefs } from './all-refs';
import type { ContentStore, RefWrite } from './port';
import { RUN_PREFIX } from './ref-names';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';

const ENDED_PREFIX = 'ended/';
/** There once every ended run of the store has its entry. */
const COMPLETE = 'index/ended';
/** Later than any clock shows before the year 2286, and as many digits as every time until then. */
export const LAST_MS = 9_999_999_999_999;
const PAGE = 200;

const entrySchema = z.object({
  id: z.string(),
  agent: z.string(),
  outcome: z.string(),
  isSubRun: z.literal(true).exactOptional(),
});
export type EndedRun = z.output<typeof entrySchema>;

export function endedEntryName({ id, startedAt }: Pick<RunRecord, 'id' | 'startedAt'>): string {
  const inverted = String(LAST_MS - startedAt).padStart(13, '0');
  return `${ENDED_PREFIX}${inverted}/${encodeURIComponent(id)}`;
}

function entryOf(record: RunRecord): RefWrite[] {
  const { id, agent, ended, parent } = record;
  if (!ended) return [];
  return [
    {
      op: 'put',
      name: endedEntryName(record),
      value: { id, agent, outcome: ended.outcome, ...(parent ? { isSubRun: true as const } : {}) } satisfies EndedRun,
    },
  ];
}

/** The same store, which writes an ended run's entry together with its record, whoever ends it. */
export function withEndedRuns(store: ContentStore): ContentStore {
  return {
    ...store,
    of: (tenant) => withEndedRuns(store.of(tenant)),
    commit: ({ objects = [], refs = [] }) =>
      store.commit({ objects, refs: [...refs, ...refs.flatMap((write) => entriesFor(write))] }),
  };
}

function entriesFor({ name, value }: RefWrite): RefWrite[] {
  const record = name.startsWith(RUN_PREFIX) ? runRecordSchema.safeParse(value) : undefined;
  return record?.success ? entryOf(record.data) : [];
}

/** Once in a store's life: entries for the runs that ended before there were any. */
export async function indexEndedRuns(store: ContentStore): Promise<void> {
  if (await store.readRef(COMPLETE)) return;
  const entries = (await allRefs(store, RUN_PREFIX)).flatMap(({ value }) => {
    const record = runRecordSchema.safeParse(value);
    return record.success ? entryOf(record.data) : [];
  });
  for (let at = 0; at < entries.length; at += PAGE) await store.commit({ refs: entries.slice(at, at + PAGE) });
  await store.commit({ refs: [{ op: 'put', name: COMPLETE, value: { at: Date.now() } }] });
}

/**
 * Newest first, read page by page. Undefined where the store has runs that are not indexed yet.
 * @param behind the run that comes before the first, by its start and id @default from the newest
 */
export async function endedRuns(
  store: ContentStore,
  behind?: Pick<RunRecord, 'id' | 'startedAt'>,
): Promise<AsyncIterable<EndedRun> | undefined> {
  return (await store.readRef(COMPLETE)) ? entriesOf(store, behind && endedEntryName(behind)) : undefined;
}

async function* entriesOf(store: ContentStore, behind: string | undefined): AsyncGenerator<EndedRun> {
  for (let after = behind; ;) {
    const page = await store.listRefs(ENDED_PREFIX, { limit: PAGE, ...(after === undefined ? {} : { after }) });
    for (const { value } of page) {
      const entry = entrySchema.safeParse(value);
      if (entry.success) yield entry.data;
    }
    after = page.at(-1)?.name;
    if (page.length < PAGE) return;
  }
}
