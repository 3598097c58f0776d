// Needs: nothing. The bytes that are hashed for ever, and the lines that histories show.
import { createContext, runInContext } from 'node:vm';
import fc from 'fast-check';
import {
  canonicalJson,
  createMemoryStore,
  decodeMessage,
  decodeNode,
  encodeMessage,
  encodeNode,
  fileRefOf,
  objectHash,
  previewOf,
  putFile,
  readFile,
} from '../../activities/store';
import { PREVIEW_CHARS } from '../../workflows/contract/limits';
import type { Message } from '../../workflows/contract/message';

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const json = (value: unknown): string => textOf(canonicalJson(value));

describe('canonical JSON', () => {
  test('is what RFC 8785 shows', () => {
    const example = {
      numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"/',
      literals: [null, true, false],
    };
    expect(json(example)).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
    expect(json({ '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u{1f600}': 5, '\u0080': 6, ö: 7 })).toBe(
      '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"\u{1f600}":5,"\ufb33":3}',
    );
    expect(json(-0)).toBe('0');
  });

  test('of equal values is equal, and says the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const plain: unknown = JSON.parse(JSON.stringify(value));
        const bytes = canonicalJson(plain);
        expect(JSON.parse(textOf(bytes))).toEqual(plain);
        expect(canonicalJson(JSON.parse(textOf(bytes)))).toEqual(bytes);
      }),
    );
  });

  test('mends half a surrogate pair, in keys too, and leaves out what is undefined', () => {
    expect(json(['a\ud800', '\udc00b', '\u{1f600}', { 'k\ud800': 1, gone: undefined }])).toBe(
      '["a\ufffd","\ufffdb","\u{1f600}",{"k\ufffd":1}]',
    );
  });

  test('keeps a property named __proto__, and takes objects of another realm', () => {
    const value: unknown = JSON.parse('{"__proto__":{"a":1},"b":2}');
    expect(json(value)).toBe('{"__proto__":{"a":1},"b":2}');
    expect(json(runInContext('({ b: [1], a: Object.create(null) })', createContext()))).toBe('{"a":{},"b":[1]}');
  });

  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  test.each<[unknown, string]>([
    [undefined, 'undefined, at $'],
    [{ a: [1, undefined] }, 'undefined, at $.a[1]'],
    [{ a: NaN }, 'NaN, at $.a'],
    [[-Infinity], '-Infinity, at $[0]'],
    [{ n: 1n }, 'bigint, at $.n'],
    [[() => 1], 'function'],
    [{ s: Symbol('s') }, 'symbol'],
    [{ at: new Date(0) }, 'an object of a class, at $.at'],
    [new Map(), 'an object of a class'],
    [{ 'a\ud800': 1, 'a\udbff': 2 }, 'a second property of the same name'],
    [cycle, 'a cycle'],
  ])('refuses what JSON cannot say and names its place: %#', (value, message) => {
    expect(() => canonicalJson(value)).toThrow(message);
  });
});

describe('messages and nodes', () => {
  const file = { sha256: 'a'.repeat(64), mediaType: 'image/png', bytes: 3 };
  const messages: Message[] = [
    {
      role: 'user',
      parts: [
        { type: 'text', text: 'hi' },
        { type: 'image', file },
      ],
      from: 'runtime',
    },
    {
      role: 'assistant',
      parts: [
        { type: 'reasoning', text: 'hm' },
        { type: 'tool-call', call: 0, name: 'f', arguments: { q: [1, null] } },
        { type: 'tool-call', call: 1, name: 'g', arguments: { unparsed: '{' }, malformed: true },
      ],
      refused: true,
    },
    { role: 'tool', call: 0, name: 'f', outcome: 'error', parts: [{ type: 'file', file: { ...file, name: 'x' } }] },
  ];

  // Computed with another language's JSON and SHA-256.
  test('hash to these values for ever', () => {
    expect(messages.map((message) => objectHash(encodeMessage(message)))).toEqual([
      '921e742541665cbf3484d8c3c957f8a0e530ab7c004db0cc675d73fb5a9b9d3e',
      '3a1d97c6eaee77cab35160065064dcd34c92c605d9b0f0d331714a2a88aed9d4',
      'bb8c1f24c70aa50570fbc759a092501ff4fca16f9a7308189fd3c2695433a16b',
    ]);
    expect(objectHash(encodeNode({ parent: null, message: 'a'.repeat(64) }))).toBe(
      '516f77d717c7bbecd2de1e765d32bb1dba3880b439b174d9be16d1378e06f474',
    );
  });

  test('come back as they were', () => {
    for (const message of messages) expect(decodeMessage(encodeMessage(message))).toEqual(message);
  });

  test('keep what a newer version added, and a model’s argument named __proto__', () => {
    const bytes = canonicalJson(
      JSON.parse(
        '{"role":"assistant","newField":1,"parts":[{"type":"tool-call","call":0,"name":"f","arguments":{"__proto__":1}}]}',
      ),
    );
    expect(encodeMessage(decodeMessage(bytes))).toEqual(bytes);
  });

  test.each([
    [
      'a part type of a newer version',
      canonicalJson({ role: 'user', parts: [{ type: 'video', file }] }),
      'parts.0.type',
    ],
    ['a role of a newer version', canonicalJson({ role: 'system', parts: [] }), 'role'],
    ['something else', canonicalJson([1]), 'no message'],
    ['text', Buffer.from('hello'), 'not JSON'],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'not JSON in UTF-8'],
  ])('that cannot be read are a typed failure that names the object: %s', (_, bytes, why) => {
    const act = (): Message => decodeMessage(bytes);
    expect(act).toThrow(why);
    expect(act).toThrow(expect.objectContaining({ type: 'Store.ObjectCorrupt' }) as Error);
    expect(act).toThrow(objectHash(bytes));
  });

  test('nodes are canonical JSON', () => {
    const hash = (at: number): string => objectHash(Buffer.of(at));
    for (const node of [
      { parent: null, message: hash(1) },
      { parent: hash(2), message: hash(3) },
    ]) {
      expect(encodeNode(node)).toEqual(canonicalJson(node));
      expect(decodeNode(encodeNode(node))).toEqual(node);
    }
    expect(() => encodeNode({ parent: null, message: '"},' })).toThrow('SHA-256');
    expect(() => decodeNode(canonicalJson({ parent: null }))).toThrow('no chain node');
  });
});

describe('previews', () => {
  const assistant = (parts: Extract<Message, { role: 'assistant' }>['parts']): Message => ({
    role: 'assistant',
    parts,
  });

  test('show what a message is about', () => {
    expect(
      previewOf(
        assistant([
          { type: 'reasoning', text: 'secret thoughts' },
          { type: 'text', text: 'I look.' },
          { type: 'tool-call', call: 0, name: 'search_text', arguments: { query: 'retries' } },
          { type: 'tool-call', call: 1, name: 'f', arguments: { unparsed: '{"q' }, malformed: true },
        ]),
      ),
    ).toBe('I look. search_text({"query":"retries"}) f({"q)');
    const image = { sha256: 'a'.repeat(64), mediaType: 'image/png', bytes: 10_485_760 };
    expect(previewOf({ role: 'user', parts: [{ type: 'image', file: image }] })).toBe('[image image/png, 10.5 MB]');
    expect(previewOf({ a: [1] })).toBe('{"a":[1]}');
    expect(previewOf({ role: 'admin' })).toBe('{"role":"admin"}');
    expect(previewOf(null)).toBe('null');
  });

  test('cannot move a cursor or turn text around', () => {
    expect(previewOf('a\u001b[31mb\r\n\tc\u2028d\u202ee\u0000')).toBe('a [31mb c d e');
  });

  test('are one line of bounded length, whatever the text', () => {
    const unit = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\ud800', '\u{1f600}', ' ', '\n', '\u001b'));
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 300 }), (units) => {
        const text = units.join('');
        const preview = previewOf(text);
        expect(preview.length).toBeLessThanOrEqual(PREVIEW_CHARS);
        expect(preview).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
        expect(preview.isWellFormed()).toBe(true);
        expect(preview).toBe(preview.trim());
      }),
    );
    expect(previewOf('x'.repeat(PREVIEW_CHARS))).toBe('x'.repeat(PREVIEW_CHARS));
    expect(previewOf('x'.repeat(PREVIEW_CHARS + 1))).toBe(`${'x'.repeat(PREVIEW_CHARS - 1)}…`);
    expect(previewOf(`${' '.repeat(10_000_000)}x`)).toBe('…');
  });
});

test('a file goes in, and comes back by its reference, whose size must be right', async () => {
  const store = createMemoryStore();
  const bytes = Buffer.from('%PDF');
  const ref = await putFile(store, bytes, { mediaType: 'application/pdf', name: 'a.pdf' });
  expect(ref).toEqual({ sha256: objectHash(bytes), mediaType: 'application/pdf', bytes: 4, name: 'a.pdf' });
  expect(Buffer.from(await readFile(store, ref))).toEqual(bytes);
  await expect(readFile(store, { ...ref, bytes: 5 })).rejects.toMatchObject({ type: 'Store.ObjectCorrupt' });
  expect(() => fileRefOf(store, bytes, { mediaType: '' })).toThrow();
});
