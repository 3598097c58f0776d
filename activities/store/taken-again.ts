// A run that was recorded before its release was taken back, and begins only afterwards, begins with what new runs take by then.
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { pickRelease, readPointer } from './pick-release';
import type { ContentStore } from './port';
import { runRecordName } from './ref-names';

/**
 * Not of one that has begun, by whoever could not say so, and not of a fork, whose caller chose its release.
 * @param hasBegun whether Temporal knows it; asked only where its release was taken back
 * @returns the record as it has been written, with its version; undefined where it stays as it is
 */
export async function takenAgain(
  store: ContentStore,
  { id, agent, tenant, session, release, degraded, forkedFrom, ended }: RunRecord,
  hasBegun: () => Promise<boolean>,
): Promise<{ record: RunRecord; version: number } | undefined> {
  const { pointer } = (await readPointer(store, agent)) ?? {};
  if (!pointer?.withdrawn?.includes(release) || degraded || forkedFrom || ended) return undefined;
  if (await hasBegun()) return undefined;
  const name = runRecordName(id);
  const picked = pickRelease(pointer, { tenant, session, run: id });
  for (;;) {
    const ref = await store.readRef(name);
    const now = runRecordSchema.safeParse(ref?.value).data;
    if (!ref || !now || now.ended) return undefined;
    // By this, or by somebody else who begins it too.
    if (now.release !== release) return { record: now, version: ref.version };
    const { rollout: _, shadow: __, ...rest } = now;
    await store.commit({
      refs: [{ op: 'compare-and-set', name, version: ref.version, value: { ...rest, ...picked } }],
    });
  }
}
