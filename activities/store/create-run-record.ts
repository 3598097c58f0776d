import { failure } from '../failure';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import type { ContentStore, RefWrite } from './port';
import { openRunName, runRecordName, subRunName } from './ref-names';
import { runEntry } from './run-index';

/**
 * The record comes before the run, so that a run always has one.
 * @param stored what the run begins with, durable together with the record
 * @returns what was recorded under the id before: then no ref is written
 * @throws ApplicationFailure `Store.ObjectCorrupt` when that is not readable
 */
export async function createRunRecord(
  store: ContentStore,
  record: RunRecord,
  { objects, refs = [] }: { objects: readonly Uint8Array[]; refs?: readonly RefWrite[] },
): Promise<RunRecord | undefined> {
  const { id, parent } = record;
  const name = runRecordName(id);
  const { conflicts } = await store.commit({
    objects,
    refs: [
      ...refs,
      { op: 'create', name, value: record },
      { op: 'put', name: openRunName(id), value: { id } },
      runEntry(record),
      ...(parent ? [{ op: 'put' as const, name: subRunName(parent.root, id), value: { id } }] : []),
    ],
  });
  if (conflicts.length === 0) return undefined;
  const known = runRecordSchema.safeParse((await store.readRef(name))?.value);
  if (!known.success) throw failure('Store.ObjectCorrupt', `the record of run ${id} is not readable.`);
  return known.data;
}
