// The shadows that go with what is erased: they were given what the runs were given, and say the like. Found by what their own records say,
// too: a run may have been forgotten before them.
import { allRefs, type ContentStore } from '../../activities/store';
import { SHADOW_RUNS } from '../../activities/store/ref-names';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { fewAtOnce } from '../few-at-once';
import { shadowsOfRun } from '../shadow/shadow-pair';
import { subRunsUnder } from '../sub-runs';

export interface ErasedWhat {
  /** One run by its id, all of a session, or all of a tenant. */
  run?: string | undefined;
  session?: string | undefined;
  tenant?: string | undefined;
  /** Those that are erased themselves. */
  runs: readonly RunRecord[];
}

/** Each asks the store once or twice. */
const AT_ONCE = 8;

/** With the runs of their sub-agents. */
export async function shadowsToErase(
  store: ContentStore,
  { run, session, tenant, runs }: ErasedWhat,
): Promise<RunRecord[]> {
  if ((await store.listRefs(SHADOW_RUNS, { limit: 1 })).length === 0) return [];
  const ids = [
    ...new Set([...(run === undefined ? [] : [run]), ...runs.flatMap(({ id, parent }) => (parent ? [] : [id]))]),
  ];
  const found = (await fewAtOnce(ids, AT_ONCE, (id) => shadowsOfRun(store, id))).flat();
  if (session !== undefined || tenant !== undefined)
    for (const { value } of await allRefs(store, SHADOW_RUNS)) {
      const record = runRecordSchema.safeParse(value).data;
      const isOfSession = session !== undefined && record?.goesOnFrom && record.session === session;
      if (record && (isOfSession || record.tenant === tenant)) found.push(record);
    }
  const below = (await fewAtOnce(found, AT_ONCE, (record) => subRunsUnder(store, record))).flat();
  return [...new Map([...found, ...below].map((record) => [record.id, record])).values()];
}
