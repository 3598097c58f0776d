// What came back of erased runs: an activity that outlived its run, which was terminated say, stores what it has made all the same.
import type { ContentStore } from '../../activities/store';
import { RUN_PREFIX, SHADOW_RUNS } from '../../activities/store/ref-names';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { forgetWatched, watchedNames } from './forget-watched';
import { deleteRunRefs, runRefNames } from './run-refs';

const PAGE = 500;
/** Each takes a few small reads, and mostly finds nothing. */
const AT_ONCE = 20;

/** Deletes it again, for as long as there are tombstones to know them by. @returns how many refs were deleted */
export async function deleteLeftovers(store: ContentStore): Promise<number> {
  let deleted = 0;
  const erased = new Set<string>();
  for await (const records of erasedRecords(store)) {
    for (const { id } of records) erased.add(id);
    const counts = await Promise.all(records.map((record) => deleteRunRefs(store, record)));
    deleted += counts.reduce((sum, count) => sum + count, 0);
  }
  // A look of the watch that read a run while it was erased keeps its numbers after it.
  return deleted + (await forgetWatched(store, erased));
}

/** Names of the refs that it would delete. */
export async function leftoverNames(store: ContentStore): Promise<string[]> {
  const names: string[] = [];
  const erased = new Set<string>();
  for await (const records of erasedRecords(store)) {
    for (const { id } of records) erased.add(id);
    names.push(...(await Promise.all(records.map((record) => runRefNames(store, record)))).flat());
  }
  return [...names, ...(await watchedNames(store, erased))];
}

async function* erasedRecords(store: ContentStore): AsyncGenerator<RunRecord[]> {
  for (const prefix of [RUN_PREFIX, SHADOW_RUNS]) yield* erasedUnder(store, prefix);
}

async function* erasedUnder(store: ContentStore, prefix: string): AsyncGenerator<RunRecord[]> {
  for (let after: string | undefined; ;) {
    const page = await store.listRefs(prefix, { limit: PAGE, ...(after === undefined ? {} : { after }) });
    const erased = page.flatMap(({ value }) => {
      const { data } = runRecordSchema.safeParse(value);
      return data?.erased ? [data] : [];
    });
    for (let at = 0; at < erased.length; at += AT_ONCE) yield erased.slice(at, at + AT_ONCE);
    after = page.at(-1)?.name;
    if (page.length < PAGE) return;
  }
}
