// Retention: runs that ended longer ago than they are to be kept are forgotten, record and all.
import type { ContentStore } from '../../activities/store';
import { openRunName, RUN_PREFIX, SHADOW_RUNS, subRunName } from '../../activities/store/ref-names';
import { runEntryName } from '../../activities/store/run-index';
import { runRecordSchema } from '../../workflows/contract/schemas/run-record';
import { deleteRunRefs, runRefNames } from './run-refs';

const PAGE = 500;

export interface Forgotten {
  runs: number;
  /** Deleted, or with `dryRun` those that would be. */
  refs: number;
  /** With `dryRun`: names of all refs that would be gone. */
  without: Set<string>;
}

/**
 * Tombstones of erased runs stay: they are small, and nothing else tells that a run was erased. A run that was cut off while it was
 * forgotten still has its record, and is forgotten the next time.
 * @param endedBefore milliseconds since the epoch
 */
export async function forgetRuns(store: ContentStore, endedBefore: number, dryRun: boolean): Promise<Forgotten> {
  const forgotten: Forgotten = { runs: 0, refs: 0, without: new Set() };
  for (const prefix of [RUN_PREFIX, SHADOW_RUNS]) await forgetUnder(store, prefix, { endedBefore, dryRun, forgotten });
  return forgotten;
}

async function forgetUnder(
  store: ContentStore,
  prefix: string,
  { endedBefore, dryRun, forgotten }: { endedBefore: number; dryRun: boolean; forgotten: Forgotten },
): Promise<void> {
  for (let after: string | undefined; ;) {
    const page = await store.listRefs(prefix, { limit: PAGE, ...(after === undefined ? {} : { after }) });
    for (const { name, value, version } of page) {
      const { data } = runRecordSchema.safeParse(value);
      if (!data?.ended || data.erased || data.ended.at >= endedBefore) continue;
      forgotten.runs += 1;
      if (dryRun) {
        const names = await runRefNames(store, data);
        forgotten.refs += names.length;
        for (const gone of [
          ...names,
          openRunName(data.id),
          ...(data.parent ? [subRunName(data.parent.root, data.id)] : []),
          runEntryName(data),
          name,
        ])
          forgotten.without.add(gone);
        continue;
      }
      forgotten.refs += await deleteRunRefs(store, data);
      await store.deleteRef(runEntryName(data));
      await store.deleteRef(name, version);
    }
    after = page.at(-1)?.name;
    if (page.length < PAGE) return;
  }
}
