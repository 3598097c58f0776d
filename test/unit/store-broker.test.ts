// Needs: a scratch folder and Unix sockets. The broker as a process meets it: restarts, strangers, nonsense, long paths.
import { once } from 'node:events';
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openKeyRing } from '../../activities/keys';
import { connectStoreBroker, createMemoryStore, objectHash, type BrokerToolStore } from '../../activities/store';
import { createFrameReader, encodeFrame, type Frame } from '../../activities/store/broker-protocol';
import { socketAddress } from '../../activities/store/socket-address';
import { serveStoreBroker, type StoreBroker } from '../../workers/store-broker';

const bytes = Buffer.from('an object');
const hash = objectHash(bytes);
const record = { name: 'call/r/0000/000001/0001', value: { done: true } };

let folder: string;
let socketPath: string;
let store = createMemoryStore();
const opened: (StoreBroker | BrokerToolStore)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-test-'));
  socketPath = join(folder, 'store.sock');
  store = createMemoryStore();
});
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
  await rm(folder, { recursive: true });
});

async function serve(path = socketPath): Promise<StoreBroker> {
  const broker = await serveStoreBroker({ store, socketPath: path });
  opened.push(broker);
  return broker;
}
function connect(path = socketPath, timeoutMs?: number): BrokerToolStore {
  const view = connectStoreBroker(path, timeoutMs === undefined ? {} : { timeoutMs });
  opened.push(view);
  return view;
}
async function raw(): Promise<Socket> {
  const socket = createConnection(socketPath);
  await once(socket, 'connect');
  return socket;
}
async function firstFrame(socket: Socket): Promise<Frame> {
  const read = createFrameReader();
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    const [frame] = read(chunk);
    if (frame) return frame;
  }
}

test('only its user may connect', async () => {
  const { address } = await serve();
  expect((await stat(address)).mode & 0o777).toBe(0o600);
});

test('a client outlives its broker: what is asked meanwhile is answered by the next one', async () => {
  const first = await serve();
  const view = connect();
  await view.commitCall({ objects: [bytes], record });
  await first.close();
  const asked = [view.getObject(hash), view.readCallRecord(record.name), view.commitCall({ objects: [], record })];
  await serve();
  const [object, value] = await Promise.all(asked);
  expect([Buffer.from(object as Uint8Array), value]).toEqual([
    bytes,
    { value: record.value, version: expect.any(Number) },
  ]);
  expect(await view.readCallRecord(record.name)).toMatchObject({ value: record.value });
});

test('a tenant behind the broker gives the names that it gives before it, and has no key', async () => {
  store = createMemoryStore(undefined, openKeyRing(`a:${Buffer.alloc(32, 7).toString('base64')}`));
  await serve();
  const view = connect();
  const [acme = '', other = ''] = await Promise.all(
    ['acme', 'other'].map(async (tenant) => {
      const [name = ''] = await view.of(tenant).namesOf([bytes]);
      await view.of(tenant).commitCall({ objects: [bytes] });
      expect(name).toBe(store.of(tenant).nameOf(bytes));
      return name;
    }),
  );
  expect(await store.has([acme, other, hash])).toEqual([true, true, false]);
  expect(acme).not.toBe(other);
  expect(Buffer.from(await view.getObject(acme))).toEqual(bytes);
  expect(await view.namesOf([])).toEqual([]);
});

test('a request in flight when the broker dies is sent again', async () => {
  await store.commit({ objects: [bytes] });
  let asked: (() => void) | undefined;
  const reached = new Promise<void>((resolve) => (asked = resolve));
  const silent = { ...store, get: () => new Promise<never>(() => asked?.()) };
  const first = await serveStoreBroker({ store: silent, socketPath });
  const view = connect();
  const answer = view.getObject(hash);
  await reached;
  await first.close();
  await serve();
  expect(Buffer.from(await answer)).toEqual(bytes);
});

test('without a broker a request ends with a failure that Temporal retries', async () => {
  // Long enough for the second request's new connection on a busy machine.
  const view = connect(socketPath, 2_000);
  await expect(view.getObject(hash)).rejects.toMatchObject({
    type: 'Store.Unavailable',
    nonRetryable: false,
    message: expect.stringContaining('nobody listens'),
  });
  await serve();
  await store.commit({ objects: [bytes] });
  expect(Buffer.from(await view.getObject(hash))).toEqual(bytes);
});

test('closing rejects what is waited for, and what is asked later', async () => {
  const view = connect();
  const waiting = expect(view.getObject(hash)).rejects.toMatchObject({ type: 'Store.Unavailable' });
  await view.close();
  await waiting;
  await expect(view.getObject(hash)).rejects.toMatchObject({ type: 'Store.Unavailable' });
});

test('the socket of a killed broker is taken over; that of a living one is not', async () => {
  await writeFile(socketPath, '');
  await serve();
  await expect(serveStoreBroker({ store, socketPath })).rejects.toThrow('another store broker serves');
  await store.commit({ objects: [bytes] });
  expect(Buffer.from(await connect().getObject(hash))).toEqual(bytes);
});

test('a path too long for a socket is served at a shorter one, which both ends find', async () => {
  const long = join(folder, 'deep/'.repeat(40), 'store.sock');
  const { address } = await serve(long);
  expect(Buffer.byteLength(address)).toBeLessThan(104);
  await store.commit({ objects: [bytes] });
  expect(Buffer.from(await connect(long).getObject(hash))).toEqual(bytes);
});

test('a folder for short paths that others could write into is refused', async () => {
  const shared = join(tmpdir(), `longhaul-${process.getuid?.()}`);
  const long = join(folder, 'deep/'.repeat(40), 'store.sock');
  socketAddress(long);
  await chmod(shared, 0o777);
  try {
    expect(() => socketAddress(long)).toThrow('not a folder of this user alone');
  } finally {
    await chmod(shared, 0o700);
  }
});

describe('a client that does not keep to the protocol', () => {
  const request = (header: object): Uint8Array => {
    const json = Buffer.from(JSON.stringify(header));
    const prefix = Buffer.alloc(8);
    prefix.writeUInt32BE(4 + json.length, 0);
    prefix.writeUInt32BE(json.length, 4);
    return Buffer.concat([prefix, json]);
  };

  test.each([
    ['another protocol', { protocol: 1, id: 7, op: 'get', hash }],
    ['an operation that there is not', { protocol: 2, id: 7, op: 'listRefs', prefix: '' }],
    [
      'a commit of refs in general',
      { protocol: 2, id: 7, op: 'commit', refs: [{ op: 'put', name: 'run/x', value: 1 }] },
    ],
    ['an object that is too large', { protocol: 2, id: 7, op: 'commit', sizes: [2 ** 31] }],
    ['sizes that do not add up', { protocol: 2, id: 7, op: 'commit', sizes: [5] }],
  ])('is told so: %s', async (_, header) => {
    await serve();
    const socket = await raw();
    socket.write(request(header));
    expect((await firstFrame(socket)).header).toMatchObject({ id: 7, ok: false, type: 'Runtime.Unexpected' });
    socket.destroy();
    expect(await store.listRefs('')).toEqual([]);
  });

  test.each([
    ['no frame at all', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a frame of 4 GB', Buffer.from('ffffffff00000002', 'hex')],
    ['a header longer than its frame', Buffer.from('00000008000000ff', 'hex')],
    ['a header that is no JSON', Buffer.from('00000006000000027b7b', 'hex')],
    ['a header without an id', request({ op: 'get' })],
  ])('is cut off, and others are served on: %s', async (_, nonsense) => {
    await serve();
    const socket = await raw();
    const closed = once(socket, 'close');
    socket.resume().write(nonsense);
    await closed;
    await store.commit({ objects: [bytes] });
    expect(Buffer.from(await connect().getObject(hash))).toEqual(bytes);
  });

  test('gets its answers when it sends byte by byte', async () => {
    await serve();
    await store.commit({ objects: [bytes] });
    const socket = await raw();
    socket.setNoDelay(true);
    const answer = firstFrame(socket);
    for (const byte of Buffer.concat(encodeFrame(3, { op: 'get', hash }))) {
      await new Promise<void>((resolve) => socket.write(Buffer.of(byte), () => resolve()));
    }
    expect(await answer).toMatchObject({ header: { id: 3, ok: true, sizes: [bytes.length] }, body: bytes });
    socket.destroy();
  });

  test('gets all its answers, and holds up nobody, when it asks a thousand things before it reads', async () => {
    await serve();
    const large = Buffer.alloc(100_000, 1);
    await store.commit({ objects: [large, bytes] });
    const socket = await raw();
    for (let id = 0; id < 1_000; id++) {
      for (const part of encodeFrame(id, { op: 'get', hash: objectHash(large) })) socket.write(part);
    }
    expect(Buffer.from(await connect().getObject(hash))).toEqual(bytes);
    const ids = new Set<unknown>();
    const read = createFrameReader();
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      for (const { header } of read(chunk)) ids.add((header as { id: unknown }).id);
      if (ids.size === 1_000) break;
    }
    expect(ids.size).toBe(1_000);
  });
});
