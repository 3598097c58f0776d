// Needs: nothing. One call's record, whichever attempt writes it, whatever stands under its name already.
import { z } from 'zod';
import { commitCallRecord, findCallRecord, type CallRecords } from '../../activities/call-records';
import { createMemoryStore, directToolStore } from '../../activities/store';
import type { RecordWrite } from '../../activities/store/tool-store';

const schema = z.object({ of: z.string(), answer: z.number().exactOptional() });
type Kept = z.output<typeof schema>;
type Answer = Kept & { answer: number };

function given() {
  const store = directToolStore(createMemoryStore());
  const records: CallRecords<Kept, Answer> = {
    name: 'call/run/0000/000001/0001',
    schema,
    read: (name) => store.readCallRecord(name),
    isOf: ({ of }) => of === 'this',
    answerOf: ({ of, answer }) => (answer === undefined ? undefined : { of, answer }),
  };
  const write = (record: RecordWrite) => store.commitCall({ objects: [], record });
  const keep = async (value: unknown): Promise<void> => {
    const version = (await store.readCallRecord(records.name))?.version;
    await write({ name: records.name, value, ...(version === undefined ? {} : { version }) });
  };
  return { records, write, keep };
}

test('nothing, another call, a beginning and an answer are told apart', async () => {
  const { records, keep } = given();
  const version = expect.any(Number) as number;
  expect(await findCallRecord(records)).toEqual({});
  await keep({ of: 'another', answer: 1 });
  expect(await findCallRecord(records)).toEqual({ version });
  await keep({ of: 'this' });
  expect(await findCallRecord(records)).toEqual({ version, record: { of: 'this' } });
  await keep({ of: 'this', answer: 2 });
  const answer = { of: 'this', answer: 2 };
  expect(await findCallRecord(records)).toEqual({ version, record: answer, answer });
  await keep({ of: 7 });
  await expect(findCallRecord(records)).rejects.toMatchObject({ type: 'Store.ObjectCorrupt' });
});

test.each([
  ['what another call left gives way', { of: 'another', answer: 1 }, 9],
  ['what says only that this call has begun gives way', { of: 'this' }, 9],
  ['an answer of another attempt stays, and is the answer', { of: 'this', answer: 1 }, 1],
])('%s, also where it comes between', async (_, between, kept) => {
  for (const early of [true, false]) {
    const { records, write, keep } = given();
    if (early) await keep(between);
    const { version } = early ? {} : await findCallRecord(records);
    if (!early) await keep(between);
    const answer = await commitCallRecord(records, { value: { of: 'this', answer: 9 }, version }, write);
    expect(answer).toEqual({ of: 'this', answer: kept });
    expect((await findCallRecord(records)).answer).toEqual(answer);
  }
});

test('a name that is never left alone is an end, which Temporal tries again', async () => {
  const { records } = given();
  let writes = 0;
  const write = () => Promise.resolve(++writes < 0);
  await expect(commitCallRecord(records, { value: { of: 'this' }, version: undefined }, write)).rejects.toMatchObject({
    type: 'Store.Unavailable',
    nonRetryable: false,
  });
  expect(writes).toBe(5);
});
