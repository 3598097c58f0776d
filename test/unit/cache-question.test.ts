// Needs: nothing. What makes two questions the same, by the byte and through each normaliser; and what must not.
import { questionBytes, type Question } from '../../activities/gateway/cache/question';
import type { CacheNormaliser, CachePlan } from '../../workflows/contract/cache';
import type { Message } from '../../workflows/contract/message';

const user = (text: string): Message => ({ role: 'user', parts: [{ type: 'text', text }] });
const question: Question = {
  head: 'a'.repeat(64),
  messages: [user('How is it?')],
  manifest: {
    agent: 'asker',
    instructions: 'Answer.',
    model: { route: ['test/model'], parameters: { temperature: 0 } },
  },
  tools: [{ name: 'look', description: 'Looks.', input: { type: 'object' } }],
  user: 'ann',
};
const plan: CachePlan = { ttlMs: 1_000, toolCalls: 'read' };
const isSame = (one: Question, other: Question, as: CachePlan = plan): boolean =>
  Buffer.from(questionBytes(one, as)).equals(Buffer.from(questionBytes(other, as)));
const areSame = (one: string, other: string, ...normalise: CacheNormaliser[]): boolean =>
  isSame(
    { ...question, messages: [user(one)] },
    { ...question, head: 'b'.repeat(64), messages: [user(other)] },
    { ...plan, normalise },
  );

describe('to the byte', () => {
  const { manifest, tools } = question;
  const [tool] = tools;
  if (!tool) throw new Error('there is one');
  test.each<[string, Partial<Question>]>([
    ['conversation', { head: 'b'.repeat(64) }],
    ['instructions', { manifest: { ...manifest, instructions: 'Answer well.' } }],
    ['parameters', { manifest: { ...manifest, model: { ...manifest.model, parameters: { temperature: 1 } } } }],
    ['route', { manifest: { ...manifest, model: { ...manifest.model, route: ['test/model', 'test/other'] } } }],
    ['schema of the answer', { manifest: { ...manifest, output: { type: 'object' } } }],
    ['schema of a tool', { tools: [{ ...tool, input: { type: 'object', required: ['at'] } }] }],
    ['description of a tool', { tools: [{ ...tool, description: 'Looks twice.' }] }],
    ['name of a tool', { tools: [{ ...tool, name: 'peek' }] }],
    ['number of tools', { tools: [] }],
  ])('another %s is another question', (_, other) => {
    expect(isSame(question, { ...question })).toBe(true);
    expect(isSame(question, { ...question, ...other })).toBe(false);
  });

  test('who asks counts where it is declared; nobody is not somebody of that name', () => {
    const bob = { ...question, user: 'bob' };
    expect(isSame(question, bob)).toBe(true);
    expect(isSame(question, bob, { ...plan, scope: 'user' })).toBe(false);
    expect(isSame({ ...question, user: undefined }, { ...question, user: 'null' }, { ...plan, scope: 'user' })).toBe(
      false,
    );
  });

  test('other normalisers are other questions: an answer of one is none of the other', () => {
    const bytes = (normalise: CacheNormaliser[]): string =>
      Buffer.from(questionBytes(question, { ...plan, normalise })).toString();
    expect(new Set([bytes(['ids']), bytes(['dates']), bytes(['dates', 'ids'])]).size).toBe(3);
  });
});

describe('white space', () => {
  test('runs of it are one blank, and at the ends none', () => {
    expect(areSame(' How  is\n\tit? ', 'How is it?', 'whitespace')).toBe(true);
    expect(areSame(' How  is it?', 'How is it?', 'dates', 'ids')).toBe(false);
  });
  test('a blank is not nothing, and a message is not two', () => {
    expect(areSame('the rapist', 'therapist', 'whitespace')).toBe(false);
    const apart = { ...question, messages: [user('a'), user('b')] };
    expect(isSame(apart, { ...question, messages: [user('a b')] }, { ...plan, normalise: ['whitespace'] })).toBe(false);
  });
  test('of other parts than text nothing is left out', () => {
    const file = (name: string): Message => ({
      role: 'user',
      parts: [{ type: 'file', file: { sha256: 'c'.repeat(64), bytes: 3, mediaType: 'text/plain', name } }],
    });
    const of = (name: string): Question => ({ ...question, messages: [file(name)] });
    expect(isSame(of('a b.txt'), of('a  b.txt'), { ...plan, normalise: ['whitespace'] })).toBe(false);
  });
});

describe('dates', () => {
  test.each([
    ['It is 2026-11-26.', 'It is 2027-01-02.'],
    ['now: 2026-11-26T10:15:00Z', 'now: 2026-11-26T10:15:01.250Z'],
    ['now: 2026-11-26T10:15:00+01:00', 'now: 2026-11-26 10:15'],
    ['On 26.11.2026, say', 'On 1/2/2027, say'],
    ['It is 9:05 am', 'It is 14:30 UTC'],
  ])('%s and %s are one', (one, other) => {
    expect(areSame(one, other, 'dates')).toBe(true);
  });
  test.each([
    ['What does Genesis 3:16 say?', 'What does Genesis 3:15 say?'],
    ['Who ran 02:01:09?', 'Who ran 02:00:35?'],
    ['Crop it to 16:10', 'Crop it to 21:09'],
    ['What is new in 1.10.2?', 'What is new in 1.11.0?'],
    ['Add 1.5.20 to it', 'Add 1.6.20 to it'],
    ['Call 555-1234-56-78', 'Call 555-1234-11-12'],
    ['Pay 20261126', 'Pay 20261127'],
    ['Read /2026-11-26/a', 'Read /2026-11-27/a'],
    ['In 2025?', 'In 2026?'],
    ['2026-13-45', '2026-13-46'],
    ['What does <date> mean?', 'What does 2026-11-26 mean?'],
    ['What does \u0000date\u0000 mean?', 'What does 2026-11-26 mean?'],
    ['What is on 2026-11-26?', 'What was on 2026-11-26?'],
  ])('%j and %j are two', (one, other) => {
    expect(areSame(one, other, 'dates', 'ids', 'whitespace')).toBe(false);
  });
});

describe('ids', () => {
  test.each([
    ['Of 123e4567-e89b-12d3-a456-426614174000?', 'Of 00000000-0000-4000-8000-000000000001?'],
    ['Order 01ARZ3NDEKTSV4RRFFQ69G5FAV.', 'Order 01BX5ZZKBKACTAV9WEVGEMMVRZ.'],
    ['ord_8f3kq2x9a1b7', 'ord_1k7gq5z2b8c4'],
    ['commit 3f2a9bc17de04c55', 'commit 90aa1f3e5b6c7d81'],
  ])('%s and %s are one', (one, other) => {
    expect(areSame(one, other, 'ids')).toBe(true);
  });
  test.each([
    ['Is 1500000 enough?', 'Is 2500000 enough?'],
    ['Pay 100000.50 EUR', 'Pay 200000.50 EUR'],
    ['Pay 1500000USD', 'Pay 2500000USD'],
    ['Order 47110815', 'Order 47110816'],
    ['What helps against covid-19?', 'What helps against sars-cov-2?'],
    ['For a 5-year-old', 'For a 15-year-old'],
    ['Is gpt-5-mini or gpt-4-turbo better?', 'Is gpt-4-turbo or gpt-5-mini better?'],
    ['It took 100d12h30m15s', 'It took 101d12h30m15s'],
    ['In 1920x1080p60fps', 'In 3840x2160p60fps'],
    ['What is C63H88CoN14O14P?', 'What is C62H88CoN13O14P?'],
    ['What does encode_base64url do?', 'What does decode_base64url do?'],
    ['What does utf8_general2ci do?', 'What does utf8_general3cs do?'],
    ['ord_8f3kq2x9a1b7', 'inv_8f3kq2x9a1b7'],
    ['DE89370400440532013000', 'DE89370400440532013001'],
    ['What does <id> mean?', 'What does 01ARZ3NDEKTSV4RRFFQ69G5FAV mean?'],
    ['2026-11-26', '01ARZ3NDEKTSV4RRFFQ69G5FAV'],
  ])('%s and %s are two', (one, other) => {
    expect(areSame(one, other, 'dates', 'ids', 'whitespace')).toBe(false);
  });
});

test('an expression of its own says what it says, with the words that it puts there', () => {
  const own = { pattern: 'order \\d+', flags: 'i', with: 'an order' };
  expect(areSame('Where is order 4711?', 'Where is Order 12?', own)).toBe(true);
  expect(areSame('Where is order 4711?', 'Where is parcel 4711?', own)).toBe(false);
});
