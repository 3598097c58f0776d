// What a model has said, on its way into the store: objects, record, indexes and head become durable in one commit, before the
// activity completes.
import type { CompactionRecord, ModelRecord } from '../workflows/contract/schemas/call-record';
import { commitCallRecord, type CallRecords } from './call-records';
import type { ActivityDeps, Attempt } from './deps';
import type { CommitResult, RefWrite } from './store/port';
import { headName } from './store/ref-names';
import { callRecordWrite } from './store/tool-store';

export interface Received<R> {
  record: R;
  objects: Uint8Array[];
  /** What the conversation is from here on, and how many original messages it stands for. */
  head: string;
  length: number;
  /** To be indexed, by the name of the index: what is linked behind a stored base. */
  chains: { name: string; base: string | null; appended: string[] }[];
  /** By which others are given the answer too, unless somebody else has answered them meanwhile. */
  shared?: RefWrite;
}

/**
 * @param version of the call record that was found
 * @returns the record that is kept
 * @throws ApplicationFailure `Store.*`
 */
export async function storeAnswer<R extends ModelRecord | CompactionRecord>(
  { store, conversation }: ActivityDeps,
  { workflowId, runId }: Attempt,
  records: CallRecords<R, R>,
  { received, version }: { received: Received<R>; version: number | undefined },
): Promise<R> {
  const { record, objects, head, length, chains } = received;
  // Here and not when it was received: an index may have to be read, and a store that is away must not cost the answer.
  const indexes = await Promise.all(chains.map(({ name, base, appended }) => conversation.index(base, appended, name)));
  const commit = (refs: RefWrite[]): Promise<CommitResult> =>
    store.commit({ objects: [...objects, ...indexes.flatMap((index) => index.objects)], refs });
  return await commitCallRecord(records, { value: record, version }, async (write) => {
    const own: RefWrite[] = [
      ...indexes.flatMap(({ refs }) => refs),
      callRecordWrite(write),
      { op: 'put', name: headName(workflowId, runId), value: { head, length, at: record.endedAt } },
    ];
    const { conflicts } = await commit(received.shared ? [...own, received.shared] : own);
    if (!received.shared || !conflicts.includes(received.shared.name)) return conflicts.length === 0;
    return (await commit(own)).conflicts.length === 0;
  });
}
