// Which execution of a run was its first: under its id the calls are recorded.
import { allRefs, type ContentStore } from '../activities/store';
import { callsOfRun, headName } from '../activities/store/ref-names';
import type { RunRecord } from '../workflows/contract/schemas/run-record';

/** Without a server it is found among the executions that stored a head: only the first one's name has records. */
export async function firstRunIdOf(store: ContentStore, { id, ended }: RunRecord): Promise<string | undefined> {
  if (ended) return ended.firstRunId;
  const prefix = headName(id, '');
  for (const { name } of await allRefs(store, prefix)) {
    const runId = decodeURIComponent(name.slice(prefix.length));
    if ((await store.listRefs(callsOfRun(runId, 0), { limit: 1 })).length > 0) return runId;
  }
  return undefined;
}
