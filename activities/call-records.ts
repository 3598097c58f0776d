// The record of a call: found by the call's key before anything is done, and kept by whoever answers first.
import type { z } from 'zod';
import { failure } from './failure';
import { callRecordName } from './store/ref-names';
import type { ContentStore } from './store/port';
import type { RecordWrite, StoredRecord } from './store/tool-store';
import type { CallKey } from '../workflows/contract/activities';

/** Where the records of one call are, and what they are to it. */
export interface CallRecords<Kept, Answer extends Kept> {
  name: string;
  schema: z.ZodType<Kept>;
  read(name: string): Promise<StoredRecord | undefined>;
  /** After a reset the same key may ask for something else: that is a new call, and the record of the other gives way. */
  isOf(record: Kept): boolean;
  /** Undefined where the record says that the call has begun, and not yet what came of it. */
  answerOf(record: Kept): Answer | undefined;
}

export interface FoundRecord<Kept, Answer extends Kept> {
  /** Of whatever is kept under the call's key; absent where nothing is. */
  version?: number;
  /** Set where it is of this call. */
  record?: Kept;
  answer?: Answer;
}

/** Of a call that is about a conversation. */
export const conversationRecords = <R extends { from: { base: string | null; append: string[] } }>(
  { store }: { store: Pick<ContentStore, 'readRef'> },
  { key, base, append }: { key: CallKey; base: string | null; append: readonly string[] },
  schema: z.ZodType<R>,
): CallRecords<R, R> => ({
  name: callRecordName(key),
  schema,
  read: (name) => store.readRef(name),
  isOf: ({ from }) => from.base === base && from.append.join() === append.join(),
  answerOf: (record) => record,
});

/** @throws ApplicationFailure `Store.*` */
export async function findCallRecord<Kept, Answer extends Kept>(
  records: CallRecords<Kept, Answer>,
): Promise<FoundRecord<Kept, Answer>> {
  const stored = await records.read(records.name);
  if (!stored) return {};
  const { success, data } = records.schema.safeParse(stored.value);
  if (!success) throw failure('Store.ObjectCorrupt', `the call record ${records.name} is not readable.`);
  const { version } = stored;
  if (!records.isOf(data)) return { version };
  const answer = records.answerOf(data);
  return { version, record: data, ...(answer === undefined ? {} : { answer }) };
}

/** A conflict is another attempt of this call, or its execution before a reset: neither comes back this often. */
const COMMIT_ROUNDS = 5;

/**
 * The first attempt that stores its answer has answered the call: one that was given up and wakes later must not replace what the run
 * goes on with. What is of another call, or says only that this one has begun, gives way.
 * @param version of what was found under the name
 * @param write commits the record with all that it names, and tells whether the name still held that version
 * @returns the record that is kept
 * @throws ApplicationFailure `Store.*`
 */
export async function commitCallRecord<Kept, Answer extends Kept, Value extends Kept>(
  records: CallRecords<Kept, Answer>,
  { value, version }: { value: Value; version: number | undefined },
  write: (record: RecordWrite) => Promise<boolean>,
): Promise<Value | Answer> {
  const { name } = records;
  let expected = version;
  for (let round = 1; round <= COMMIT_ROUNDS; round += 1) {
    if (await write({ name, value, ...(expected === undefined ? {} : { version: expected }) })) return value;
    const found = await findCallRecord(records);
    if (found.answer !== undefined) return found.answer;
    expected = found.version;
  }
  throw failure('Store.Unavailable', `the call record ${name} keeps being changed by somebody else.`);
}
