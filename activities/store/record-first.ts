import type { CarriedState } from '../../workflows/contract/run';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import type { ContentStore } from './port';
import { headName } from './ref-names';

/**
 * A run's first execution is known by its heads, and one that goes on among tool calls may wait for hours before its model's first answer
 * stores one: so it is stored as it begins. Whatever the run has stored by now is newer, and stays.
 */
export async function recordFirst(
  store: ContentStore,
  { id, startedAt: at }: Pick<RunRecord, 'id' | 'startedAt'>,
  { head, length }: Pick<CarriedState, 'head' | 'length'>,
  runId: string,
): Promise<void> {
  await store.commit({ refs: [{ op: 'create', name: headName(id, runId), value: { head, length, at } }] });
}
