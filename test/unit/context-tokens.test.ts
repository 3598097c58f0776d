// Needs: nothing. Token counts against the tokenizer's own encode, and windows by a model's name.
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { encode as encodeCl100k } from 'gpt-tokenizer/cjs/encoding/cl100k_base';
import { encode } from 'gpt-tokenizer/cjs/encoding/o200k_base';
import { tokenBound, tokenCounter } from '../../activities/context/count-tokens';
import { measure } from '../../activities/context/measure';
import { windowOf } from '../../activities/context/model-window';
import { encodeMessage, objectHash } from '../../activities/store';
import type { ContextPlan } from '../../workflows/contract/context';
import type { Message } from '../../workflows/contract/message';

const AS_TEXT = { disallowedSpecial: new Set<string>() };
const user = (text: string): Message => ({ role: 'user', parts: [{ type: 'text', text }] });

const TEXTS = [
  '',
  'I would like to cancel reservation NO6JO3, please.',
  '{"user_id":"mia_li_3668","payment_methods":{"credit_card_4421486":{"last_four":"7447","amount":1250.5}}}',
  'Grüße aus Köln: 12.345,67 €\n\n\t- eins\n\t- zwei\r\n',
  '日本語のテキストと絵文字 👩‍👩‍👧‍👦 и кириллица',
  'a special token as text: <|endoftext|><|im_start|>',
];

describe('tokenCounter', () => {
  const counter = tokenCounter('openai/gpt-4o');

  test.each(TEXTS)('counts a short text as the tokenizer does: %j', (text) => {
    expect(counter.countText(text)).toBe(encode(text, AS_TEXT).length);
    expect(tokenCounter('gpt-4').countText(text)).toBe(encodeCl100k(text, AS_TEXT).length);
  });

  it('counts a long text in pieces as the tokenizer counts it whole', () => {
    const word = fc.oneof(
      fc.constantFrom(
        'reservation',
        'Flug',
        "don't",
        "I'LL",
        'été',
        'größer',
        '日本',
        'привет',
        '👍🏽',
        'x1',
        '2024-05-20',
      ),
      fc.constantFrom('\n', '\n\n', ', ', '. ', ' (', ') ', '{"a":', '"}', ' ', '  ', '\t', '—', '$1,250.00'),
      fc.string({ unit: 'grapheme', maxLength: 12 }),
    );
    fc.assert(
      fc.property(fc.array(word, { minLength: 900, maxLength: 1_200 }), (words) => {
        const text = words.map((one) => `${one} and`).join(' ');
        expect(text.length).toBeGreaterThan(5_000);
        expect(counter.countText(text)).toBe(encode(text, AS_TEXT).length);
        expect(tokenCounter('gpt-4').countText(text)).toBe(encodeCl100k(text, AS_TEXT).length);
      }),
      { numRuns: 15 },
    );
  });

  it('is off by little where a text has no boundary, and never splits a character', () => {
    const letters = 'a'.repeat(20_000);
    expect(Math.abs(counter.countText(letters) - 2_500)).toBeLessThan(50);
    const emoji = `x${'👍'.repeat(3_000)}`;
    const whole = encode(emoji, AS_TEXT).length;
    expect(Math.abs(counter.countText(emoji) - whole)).toBeLessThan(20);
  });

  it('adds names, arguments as canonical JSON, and a fixed part for each message and call', () => {
    const args = { b: 1, a: 'two' };
    const call: Message = {
      role: 'assistant',
      parts: [
        { type: 'text', text: 'One moment.' },
        { type: 'tool-call', call: 0, name: 'get_user', arguments: args },
      ],
    };
    const tokens = (text: string) => encode(text).length;
    expect(counter.count(user('hello'))).toBe(4 + tokens('hello'));
    expect(counter.count(call)).toBe(4 + tokens('One moment.') + tokens('get_user') + tokens('{"a":"two","b":1}') + 3);
    const malformed: Message = {
      role: 'assistant',
      parts: [{ type: 'tool-call', call: 0, name: 'get_user', arguments: { unparsed: '{"a' }, malformed: true }],
    };
    expect(counter.count(malformed)).toBe(4 + tokens('get_user') + tokens('{"a') + 3);
  });

  it('counts images and files by an estimate that grows with the file', () => {
    const file = (mediaType: string, bytes: number): Message => ({
      role: 'user',
      parts: [{ type: 'file', file: { sha256: 'a'.repeat(64), mediaType, bytes } }],
    });
    expect(counter.count(file('text/csv', 4_000))).toBe(1_004);
    expect(counter.count(file('application/pdf', 10))).toBe(1_004);
    expect(counter.count(file('application/pdf', 5_000_000))).toBe(100_004);
  });

  it('says which counts are estimates', () => {
    expect(counter.isExact).toBe(true);
    expect(tokenCounter('azure/openai/gpt-4o-2024-08-06').isExact).toBe(true);
    expect(tokenCounter('groq/openai/gpt-oss-120b').isExact).toBe(true);
    const other = tokenCounter('anthropic/claude-x');
    expect(other.isExact).toBe(false);
    expect(other.countText('hello world')).toBe(2);
  });

  it('never counts more than the bound by bytes', () => {
    const models = ['gpt-4o', 'gpt-4', 'davinci'].map(tokenCounter);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 3_000 }), (text) => {
        const message = user(text);
        models.forEach((model) => expect(model.count(message)).toBeLessThanOrEqual(tokenBound(message)));
      }),
      { numRuns: 50 },
    );
  });
});

describe('measure', () => {
  const plan: ContextPlan = {
    window: 10_000,
    prune: { when: [{ window: 0.5 }], keepLast: 1, except: [], freeAtLeast: 1 },
  };
  const frame = { instructions: 'Be brief.', tools: [] };
  const entries = (text: string) =>
    [user(text)].map((message) => ({ message, hash: objectHash(encodeMessage(message)) }));

  it('gives nothing to decide while the bytes are below every threshold', () => {
    const counter = tokenCounter('gpt-4o');
    expect(measure(entries('x '.repeat(2_000)), { plan, frame, counter })).toBeUndefined();
    const measured = measure(entries('x '.repeat(4_000)), { plan, frame, counter });
    expect(measured?.entries[0]?.tokens).toBe(counter.countText('x '.repeat(4_000)) + 4);
    expect(measured?.overhead).toBe(7 + encode('Be brief.').length);
  });

  it('counts what the window cannot hold, also without any trigger', () => {
    const counter = tokenCounter('gpt-4o');
    expect(measure(entries('x '.repeat(9_000)), { plan: { window: 10_000 }, frame, counter })).toBeDefined();
    expect(measure(entries('x '.repeat(9_000)), { plan: {}, frame, counter })).toBeUndefined();
  });

  it('loads no vocabulary before the first count', () => {
    const script = `
      const { tokenCounter, tokenBound } = require('jiti')(process.cwd() + '/')('./activities/context/count-tokens.ts');
      const counter = tokenCounter('openai/gpt-4o');
      tokenBound({ role: 'user', parts: [{ type: 'text', text: 'hello' }] });
      const loaded = () => Object.keys(require.cache).filter((path) => /gpt-tokenizer.*(encoding.|bpeRanks.)/.test(path)).length;
      const before = loaded();
      counter.countText('hello');
      console.log(before, loaded() > 0);`;
    expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }).trim()).toBe('0 true');
  });
});

test.each([
  ['openai/gpt-4o', 128_000],
  ['openai/gpt-4o-2024-08-06', 128_000],
  // Not in the table under this date.
  ['openai/gpt-4o-2031-01-01', 128_000],
  ['openrouter/openai/gpt-4.1-mini', 1_047_576],
  ['openai/ft:gpt-4o-mini-2024-07-18:acme::abc123', 128_000],
  // The limit of input is smaller than the window, and the other way round.
  ['openai/gpt-5', 272_000],
  ['openai/gpt-5-chat-latest', 128_000],
  ['openai/whisper-1', undefined],
  ['anthropic/claude-x', undefined],
  ['demo/constructor', undefined],
  ['', undefined],
])('the window of %s is %s', (route, window) => expect(windowOf(route)).toBe(window));

it('hashes messages without the new fields as it always did', () => {
  const hashes = [
    user('hello'),
    { role: 'tool', call: 0, name: 'get_user', outcome: 'ok', parts: [{ type: 'text', text: 'x' }] } satisfies Message,
  ].map((message) => objectHash(encodeMessage(message)));
  expect(hashes).toEqual([
    objectHash(Buffer.from('{"parts":[{"text":"hello","type":"text"}],"role":"user"}')),
    objectHash(
      Buffer.from('{"call":0,"name":"get_user","outcome":"ok","parts":[{"text":"x","type":"text"}],"role":"tool"}'),
    ),
  ]);
});
