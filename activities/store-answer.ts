// What a model has said, on its way into the store: objects, record, indexes and head become durable in one commit, before the
// activity completes.
import type { CompactionRecord, ModelRecord } from '../workflows/contract/schemas/call-record';
import { commitCallRecord, findCallRecord, type CallRecords } from './call-records';
import type { ActivityDeps, Attempt } from './deps';
import type { SpentDetails } from '../workflows/contract/cost';
import { addInVain } from './gateway/money/in-vain';
import type { CommitResult, ContentStore, RefWrite } from './store/port';
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

/** A conflict is another attempt that counts itself: there are few. */
const COUNT_ROUNDS = 5;

type Stored = ModelRecord | CompactionRecord;

/** An attempt that finds its own answer in the store has lost nothing: its commit was done, and the word of it was lost. */
const isSame = (a: Stored, b: Stored): boolean =>
  a.worker === b.worker && a.startedAt === b.startedAt && a.endedAt === b.endedAt;

/**
 * Of two attempts that were both answered the later one's answer is nobody's, and was paid for: the record that is kept counts it.
 * @param lost what it took
 * @returns the record as it stands
 * @throws ApplicationFailure `Store.*`
 */
export async function withLoser<R extends Stored>(
  store: Pick<ContentStore, 'commit'>,
  records: CallRecords<R, R>,
  { kept, received, lost }: { kept: R; received: R; lost: SpentDetails | undefined },
): Promise<R> {
  if (!lost || isSame(kept, received)) return kept;
  for (let round = 1; round <= COUNT_ROUNDS; round += 1) {
    const { answer: found, version } = await findCallRecord(records);
    if (!found || version === undefined) return kept;
    const value = counting(found, lost);
    const { conflicts } = await store.commit({
      refs: [{ op: 'compare-and-set', name: records.name, version, value }],
    });
    if (conflicts.length === 0) return value;
  }
  return kept;
}

function counting<R extends Stored>(record: R, lost: SpentDetails): R {
  const told = record.kind === 'model' ? record.answer : record.result;
  const counted = { ...told, unanswered: addInVain(told.unanswered, lost) };
  return record.kind === 'model' ? { ...record, answer: counted } : { ...record, result: counted };
}
