// Needs nothing but Node. What Temporal is given, sealed and opened: bytes, keys, and the run that a payload belongs to.
import { randomBytes } from 'node:crypto';
import { ApplicationFailure, type Payload, type PayloadCodec, type SerializationContext } from '@temporalio/common';
import fc from 'fast-check';
import { openKeyRing } from '../../activities/keys';
import { sealedWith } from '../../activities/keys/key-ring';
import { createKeylessCodec, createPayloadCodec } from '../../activities/keys/payload-codec';

const newKey = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;
const OLD = newKey('old');
const NEW = newKey('new');
const ring = openKeyRing(OLD);
const codec = createPayloadCodec(ring);

const json = (value: unknown): Payload => ({
  metadata: { encoding: Buffer.from('json/plain') },
  data: Buffer.from(JSON.stringify(value)),
});
const run = (workflowId: string, namespace = 'default'): SerializationContext => ({
  type: 'workflow',
  namespace,
  workflowId,
});
const activityOf = (workflowId: string): SerializationContext => ({
  type: 'activity',
  namespace: 'default',
  workflowId,
  activityId: '7',
  isLocal: false,
});

const seal = async (payload: Payload, context?: SerializationContext, by: PayloadCodec = codec): Promise<Payload> =>
  (await by.encode([payload], context))[0] ?? {};
const open = async (payload: Payload, context?: SerializationContext, by: PayloadCodec = codec): Promise<Payload> =>
  (await by.decode([payload], context))[0] ?? {};
const plain = ({ metadata, data }: Payload): unknown => ({
  metadata: Object.entries(metadata ?? {})
    .map(([key, value]) => [key, Buffer.from(value).toString('base64')])
    .sort(),
  data: Buffer.from(data ?? []).toString('base64'),
});
const failureOf = async (work: Promise<unknown>): Promise<{ type: unknown; message: string }> => {
  const thrown: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof ApplicationFailure)) throw new Error(`no typed failure but ${String(thrown)}`);
  return { type: thrown.type, message: thrown.message };
};

describe('sealing', () => {
  test('any payload comes back as it was, with and without a run', async () => {
    const payloads = fc.record({
      metadata: fc.dictionary(
        fc.string({ unit: 'binary' }).filter((key) => key !== '__proto__'),
        fc.uint8Array(),
      ),
      data: fc.uint8Array({ maxLength: 5_000, size: 'max' }),
    });
    await fc.assert(
      fc.asyncProperty(payloads, fc.boolean(), async (payload, bound) => {
        const context = bound ? run('a') : undefined;
        expect(plain(await open(await seal(payload, context), context))).toEqual(plain(payload));
      }),
    );
  });

  test('no bytes are sealed as well, also where the wire made an array of them', async () => {
    const empty = { metadata: { encoding: Buffer.from('binary/null') }, data: [] } as object as Payload;
    expect(plain(await open(await seal(empty, run('a')), run('a')))).toEqual(
      plain({ ...empty, data: Buffer.alloc(0) }),
    );
  });

  test('what is kept says which key sealed it, and nothing of what it holds', async () => {
    const sealed = await seal(json('canary'), run('a'));
    expect(Buffer.from(sealed.metadata?.['encoding'] ?? []).toString()).toBe('binary/encrypted');
    expect(sealedWith(sealed.data ?? new Uint8Array())).toBe('old');
    expect(Object.keys(sealed.metadata ?? {})).toHaveLength(1);
    expect(Buffer.from(sealed.data ?? []).toString('latin1')).not.toContain('canary');
  });

  test('equal payloads are sealed to different bytes', async () => {
    expect((await seal(json('a'))).data).not.toEqual((await seal(json('a'))).data);
  });

  test('what repeats itself is compressed; what cannot be is not made larger', async () => {
    const bytesOf = async (data: Uint8Array): Promise<number> => (await seal({ ...json(0), data })).data?.length ?? 0;
    const overhead = (await bytesOf(new Uint8Array())) ?? 0;
    expect(overhead).toBeLessThan(64);
    expect(await bytesOf(Buffer.alloc(900, 'a'))).toBeLessThan(40 + overhead);
    expect(await bytesOf(randomBytes(100))).toBe(100 + overhead);
    expect(await bytesOf(Buffer.alloc(50_000, 'a'))).toBeLessThan(1_000);
    expect(await bytesOf(randomBytes(50_000))).toBe(50_000 + overhead);
  });

  test('payloads of before the first key pass as they are', async () => {
    const before = json({ text: 'older than the key' });
    expect(await open(before, run('a'))).toBe(before);
  });
});

describe('keys', () => {
  test('after a new key is put in front, both are read; the new one seals', async () => {
    const rotated = createPayloadCodec(openKeyRing(`${NEW},${OLD},${newKey('names')}`));
    const [before, after] = [await seal(json(1)), await seal(json(2), undefined, rotated)];
    expect(plain(await open(before, undefined, rotated))).toEqual(plain(json(1)));
    expect(plain(await open(after, undefined, rotated))).toEqual(plain(json(2)));
    expect(sealedWith(after.data ?? new Uint8Array())).toBe('new');
  });

  test('a key that is missing, wrong, or absent with all others is named', async () => {
    const sealed = await seal(json(1), run('a'));
    const others = [createPayloadCodec(openKeyRing(NEW)), createPayloadCodec(openKeyRing(newKey('old')))];
    for (const other of [...others, createKeylessCodec()]) {
      const { type, message } = await failureOf(open(sealed, run('a'), other));
      expect({ type, message }).toMatchObject({ type: 'Store.KeyMissing' });
      expect(message).toContain('"old"');
    }
  });

  test('without keys nothing is sealed, and what is clear is read', async () => {
    const keyless = createKeylessCodec();
    expect(await open(await seal(json(1), run('a'), keyless), run('a'), keyless)).toEqual(json(1));
  });

  test('bytes that were altered, cut or never sealed are told, not read', async () => {
    const sealed = await seal(json('some content'));
    const data = Buffer.from(sealed.data ?? []);
    const altered = Buffer.from(data);
    altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1;
    for (const bytes of [altered, data.subarray(0, -1), data.subarray(0, 10), new Uint8Array(), Buffer.from('hello')]) {
      expect(await failureOf(open({ ...sealed, data: bytes }))).toMatchObject({ type: 'Store.ObjectCorrupt' });
    }
  });

  test('what the same ring sealed for the store is no payload', async () => {
    const sealed = { ...(await seal(json(1))), data: ring.seal(Buffer.from([0]), 'object 12ab') };
    expect(await failureOf(open(sealed))).toMatchObject({ type: 'Store.ObjectCorrupt' });
  });
});

describe('the run that a payload belongs to', () => {
  test('moved to another run or namespace it is refused', async () => {
    const sealed = await seal(json(1), run('a'));
    for (const other of [run('b'), run('a', 'elsewhere'), activityOf('b')]) {
      expect(await failureOf(open(sealed, other))).toMatchObject({
        type: 'Store.ObjectCorrupt',
        message: expect.stringContaining('another run') as string,
      });
    }
  });

  test('its activities, and readers that the SDK gives no run, read it', async () => {
    const sealed = await seal(json(1), run('a'));
    for (const reader of [activityOf('a'), undefined])
      expect(plain(await open(sealed, reader))).toEqual(plain(json(1)));
    expect(plain(await open(await seal(json(1)), run('b')))).toEqual(plain(json(1)));
  });

  test('runs of one schedule are one', async () => {
    const sealed = await seal(json(1), run('nightly'));
    expect(plain(await open(sealed, run('nightly-2026-11-24T02:00:00Z')))).toEqual(plain(json(1)));
    expect(await failureOf(open(sealed, run('nightly-2')))).toMatchObject({ type: 'Store.ObjectCorrupt' });
  });

  test('a replay under another name says so, and reads it', async () => {
    const replaying = createPayloadCodec(ring, { anyRun: true });
    expect(plain(await open(await seal(json(1), run('a')), run('fake'), replaying))).toEqual(plain(json(1)));
  });
});
