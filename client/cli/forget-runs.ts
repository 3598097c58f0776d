// Retention: runs that ended longer ago than they are to be kept are forgotten, record and all.
import type { ContentStore } from '../../activities/store';
import { RUN_PREFIX } from '../../activities/store/ref-names';
import { endedEntryName } from '../../workers/ended-runs';
import { runRecordSchema } from '../../workflows/contract/schemas/run-record';
import { deleteRunRefs } from './run-refs';

const PAGE = 500;

export interface Forgotten {
  runs: number;
  refs: number;
}

/**
 * Tombstones of erased runs go by the same rule. A run that was cut off while it was forgotten still has its record, and is
 * forgotten the next time.
 * @param endedBefore milliseconds since the epoch
 */
export async function forgetRuns(store: ContentStore, endedBefore: number, dryRun: boolean): Promise<Forgotten> {
  const forgotten: Forgotten = { runs: 0, refs: 0 };
  for (let after: string | undefined; ;) {
    const page = await store.listRefs(RUN_PREFIX, { limit: PAGE, ...(after === undefined ? {} : { after }) });
    for (const { name, value, version } of page) {
      const { data } = runRecordSchema.safeParse(value);
      if (!data?.ended || data.ended.at >= endedBefore) continue;
      forgotten.runs += 1;
      if (dryRun) continue;
      forgotten.refs += await deleteRunRefs(store, data);
      await store.deleteRef(endedEntryName(data));
      await store.deleteRef(name, version);
    }
    after = page.at(-1)?.name;
    if (page.length < PAGE) return forgotten;
  }
}
