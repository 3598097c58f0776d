// Needs nothing but Node. Payloads made small, and as they were again; what was packed by an earlier version is still read.
import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { packPayload, unpackPayload } from '../../activities/keys/pack-payload';
import { PAYLOAD_DICTIONARY } from '../../activities/keys/payload-dictionary';

const hash = () => randomBytes(32).toString('hex');
const there = (body: Buffer, isJson: boolean): Buffer => {
  const { packed, how } = packPayload(body, isJson);
  expect(packed.length).toBeLessThanOrEqual(body.length);
  return unpackPayload(packed, how);
};
/** What Huffman codes leave of hashes, and what only looks like one. */
const awkward = fc.oneof(
  fc.stringMatching(/^[0-9a-f]{64}$/),
  fc.stringMatching(/^[0-9A-Fa-f]{63,65}$/),
  fc.string({ unit: 'binary', maxLength: 100 }),
  fc.constant('\u0001'),
);

test('any JSON comes back as it was, hashes and what looks like them included', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(awkward, fc.jsonValue(), fc.record({ head: awkward, note: awkward }))), (value) => {
      const body = Buffer.from(JSON.stringify(value));
      expect(there(body, true).equals(body)).toBe(true);
    }),
  );
});

test('any bytes come back as they were, called JSON or not', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 5_000, size: 'max' }),
    fc
      .array(fc.constantFrom('"', '\u0001', `"${'a'.repeat(64)}"`, '\ufffd'))
      .map((parts) => Buffer.from(parts.join(''))),
  );
  fc.assert(
    fc.property(bytes, fc.boolean(), (given, isJson) => {
      const body = Buffer.from(given);
      expect(there(body, isJson).equals(body)).toBe(true);
    }),
  );
});

test('the input of a call is little more than its hashes; 300 hashes are too many to be counted in a byte, and pass', () => {
  const key = { run: '01a20dec-ae5e-7b31-a735-f87b8ef4169b', fork: 0, turn: 2, index: 0 };
  const input = { key, agent: 'reader', release: hash(), tenant: 'acme', base: hash(), append: [hash()] };
  const body = Buffer.from(JSON.stringify(input));
  expect(packPayload(body, true).packed.length).toBeLessThan(3 * 32 + 85);
  const many = Buffer.from(JSON.stringify(Array.from({ length: 300 }, hash)));
  expect(there(many, true).equals(many)).toBe(true);
});

test('the dictionary is the one that histories out there were packed with', () => {
  expect(createHash('sha256').update(PAYLOAD_DICTIONARY).digest('hex')).toBe(
    'b5e5e6f3bff6204e0a3ed81fbc876a420364092a04974a5f8202a0357ebad9a4',
  );
});
