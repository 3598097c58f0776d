// A run that was recorded before its release was taken back, and begins only afterwards, begins with what new runs take by then.
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import type { AgentPointer } from '../../workflows/contract/schemas/traffic';
import { pickRelease, readPointer } from './pick-release';
import type { ContentStore } from './port';
import { runRecordName } from './ref-names';

/**
 * Not of one that has begun, by whoever could not say so, and not of a fork, whose caller chose its release. Whatever is asked is asked of the
 * version that is written over: who has written it in between is asked about anew.
 * @param hasBegun whether Temporal knows it; asked only where its release was taken back
 * @returns the record as it has been written, by this or by somebody else, with its version; undefined where it stays as it is
 */
export async function takenAgain(
  store: ContentStore,
  given: RunRecord,
  hasBegun: () => Promise<boolean>,
): Promise<{ record: RunRecord; version: number } | undefined> {
  if (!(await takenBack(store, given))) return undefined;
  const name = runRecordName(given.id);
  for (;;) {
    const ref = await store.readRef(name);
    const now = runRecordSchema.safeParse(ref?.value).data;
    if (!ref || !now || now.ended) return undefined;
    const pointer = await takenBack(store, now);
    if (!pointer || (await hasBegun()))
      return now.release === given.release ? undefined : { record: now, version: ref.version };
    const { rollout: _, shadow: __, ...rest } = now;
    const value = { ...rest, ...pickRelease(pointer, { tenant: now.tenant, session: now.session, run: now.id }) };
    await store.commit({ refs: [{ op: 'compare-and-set', name, version: ref.version, value }] });
  }
}

/** What new runs take, where the run's release was taken back and is its to leave. */
async function takenBack(
  store: ContentStore,
  { agent, release, degraded, forkedFrom, ended }: RunRecord,
): Promise<AgentPointer | undefined> {
  if (degraded || forkedFrom || ended) return undefined;
  const { pointer } = (await readPointer(store, agent)) ?? {};
  return pointer?.withdrawn?.includes(release) ? pointer : undefined;
}
