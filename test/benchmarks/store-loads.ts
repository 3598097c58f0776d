// A conversation of 400 messages, read by a worker that never saw it and by one that has: in round trips to the store and in milliseconds,
// for each adapter, beside one read of a single object.
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createConversation, createMemoryStore, encodeMessage, type ContentStore } from '../../activities/store';
import { openStore } from '../../activities/store/open-store';
import { chainName } from '../../activities/store/ref-names';
import { startPostgres } from '../stack/postgres';
import { prose } from './prose';

export interface StoreLoad {
  store: string;
  /** Of a single object, the median of ROUNDS: what one round trip costs at least. */
  floorMs: number;
  cold: { trips: number; ms: number };
  /** After one more message. */
  warm: { trips: number; ms: number };
}

const ROUNDS = 20;
const MESSAGE_BYTES = 2_000;

export async function storeLoads(messages: number): Promise<StoreLoad[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'longhaul-bench-'));
  const postgres = await startPostgres();
  try {
    const memory = createMemoryStore();
    const url = postgres.freshUrl();
    return [
      await loads('memory', messages, () => memory),
      await loads('LMDB', messages, () => openStore(`lmdb:${folder}`)),
      await loads('Postgres', messages, () => openStore(url)),
    ];
  } finally {
    await postgres.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Counts what crosses the port: each call of it is a round trip, or is answered from the process. */
function counted(store: ContentStore): { store: ContentStore; trips(): number } {
  let trips = 0;
  const counting = new Proxy(store, {
    get: (target, name: keyof ContentStore) => {
      const member = target[name];
      if (typeof member !== 'function' || !['get', 'has', 'readRef', 'listRefs'].includes(name)) return member;
      return (...args: unknown[]): unknown => {
        trips += 1;
        return Reflect.apply(member, target, args);
      };
    },
  });
  return { store: counting, trips: () => trips };
}

async function loads(name: string, messages: number, open: () => ContentStore): Promise<StoreLoad> {
  const writer = open();
  const chain = chainName(`bench-${randomUUID()}`);
  const conversation = createConversation(writer);
  let head: string | null = null;
  let hash = '';
  const append = async (nth: number): Promise<string> => {
    const bytes = encodeMessage({ role: 'user', parts: [{ type: 'text', text: prose(nth + 1, MESSAGE_BYTES) }] });
    hash = writer.nameOf(bytes);
    const index = await conversation.index(head, [hash], chain);
    const linked = conversation.extend(head, [hash]);
    await writer.commit({ objects: [bytes, ...linked.objects, ...index.objects], refs: index.refs });
    return linked.head ?? '';
  };
  for (let nth = 0; nth < messages; nth += 1) head = await append(nth);
  const cold: { trips: number; ms: number }[] = [];
  const warm: { trips: number; ms: number }[] = [];
  const floor: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const reader = open();
    const { store, trips } = counted(reader);
    await store.readRef('bench/none');
    const beside = createConversation(store);
    const before = trips();
    const read = async (): Promise<{ trips: number; ms: number }> => {
      const from = trips();
      const at = performance.now();
      await beside.load(head ?? '', chain);
      return { trips: trips() - from, ms: performance.now() - at };
    };
    if (before === 0) throw new Error('nothing was counted.');
    cold.push(await read());
    head = await append(messages + round);
    warm.push(await read());
    const at = performance.now();
    await reader.get([hash]);
    floor.push(performance.now() - at);
    if (reader !== writer) await reader.close();
  }
  await writer.close();
  return { store: name, floorMs: median(floor), cold: middle(cold), warm: middle(warm) };
}

const middle = (made: readonly { trips: number; ms: number }[]): { trips: number; ms: number } => ({
  trips: Math.max(...made.map(({ trips }) => trips)),
  ms: median(made.map(({ ms }) => ms)),
});
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;
