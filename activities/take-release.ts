// A run that was moved goes by another release from its next turn on: its record names that one, and those that it went by before.
import type { TakeReleaseInput } from '../workflows/contract/take-release';
import { runRecordSchema } from '../workflows/contract/schemas/run-record';
import type { ActivityDeps, Attempt } from './deps';
import { runRecordName } from './store/ref-names';

/** Repeating it changes nothing. A run that no client of ours has started has no record: its end is written with what it goes by then. */
export async function takeRelease(
  { store, now }: Pick<ActivityDeps, 'store' | 'now'>,
  { release, from }: TakeReleaseInput,
  { workflowId }: Attempt,
): Promise<void> {
  const name = runRecordName(workflowId);
  for (;;) {
    const ref = await store.readRef(name);
    const record = runRecordSchema.safeParse(ref?.value).data;
    if (!ref || !record || record.ended || record.erased || record.release === release) return;
    const value = { ...record, release, moved: [...(record.moved ?? []), { from, at: now() }] };
    const { conflicts } = await store.commit({
      refs: [{ op: 'compare-and-set', name, version: ref.version, value }],
    });
    if (conflicts.length === 0) return;
  }
}
