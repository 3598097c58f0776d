// The store as a toolbox process sees it: over a Unix socket, through the broker, and no further than the broker lets it.
import { createConnection, type Socket } from 'node:net';
import type { z } from 'zod';
import { failure } from '../failure';
import { createBrokerLink } from './broker-link';
import {
  brokerReplySchema,
  encodeFrame,
  frameId,
  namesSchema,
  OBJECT_BYTES_MAX,
  splitBody,
  storedRecordSchema,
  writtenSchema,
  type BrokerAsk,
  type Frame,
} from './broker-protocol';
import { socketAddress } from './socket-address';
import type { CallCommit, ToolStore } from './tool-store';

export interface BrokerToolStore extends ToolStore {
  close(): Promise<void>;
}

export interface BrokerClientOptions {
  /** How long one request waits for its answer, the broker's restarts included, in milliseconds. @default 15000 */
  timeoutMs?: number;
}

/** A broker restarts with its worker in a few seconds; beyond that, Temporal's retry waits better than we do. */
const TIMEOUT_MS = 15_000;
/** Objects that travel with a record; more go before it, one by one. */
const BATCH_BYTES_MAX = OBJECT_BYTES_MAX / 2;

interface Answer {
  value: unknown;
  objects: Buffer[];
}
interface Pending {
  frame: readonly Uint8Array[];
  resolve(answer: Answer): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

/**
 * Connects at the first request, and again whenever the broker was restarted: requests in flight are then sent once more, which is
 * safe because all of them may be repeated.
 */
export function connectStoreBroker(
  socketPath: string,
  { timeoutMs = TIMEOUT_MS }: BrokerClientOptions = {},
): BrokerToolStore {
  const address = socketAddress(socketPath);
  const { ask, close } = createRequests(address, () => createConnection(address), timeoutMs);
  return { ...viewOf(ask), close };
}

/** Over a connection that there is already, and that nobody else has an end of: a process's own, from the one that started it. */
export function brokerToolStore(socket: Socket): BrokerToolStore {
  const { ask, close } = createRequests('the other end of this process', () => socket, TIMEOUT_MS);
  return { ...viewOf(ask), close };
}

function viewOf(ask: Ask, tenant?: string): ToolStore {
  const whose = tenant === undefined ? {} : { tenant };
  const commit = async ({ objects, ...records }: CallCommit): Promise<boolean> => {
    const request: BrokerAsk = { op: 'commit', ...whose, sizes: sizesOf(objects), ...records };
    return readable(writtenSchema, (await ask(request, objects)).value);
  };
  return {
    of: (other) => viewOf(ask, other),
    namesOf: async (objects) => {
      // One by one: together they may be more than one message holds.
      const named = objects.map((object) => ask({ op: 'names', ...whose, sizes: sizesOf([object]) }, [object]));
      return (await Promise.all(named)).flatMap(({ value }) => readable(namesSchema, value));
    },
    getObject: async (hash) => {
      const [bytes] = (await ask({ op: 'get', hash })).objects;
      // A copy: the frame's buffer may hold other objects, and lives as long as any view of it.
      if (bytes) return Uint8Array.from(bytes);
      throw failure('Store.Unavailable', 'the store broker sent an answer without its object.');
    },
    readCallRecord: async (name) => readable(storedRecordSchema.optional(), (await ask({ op: 'read', name })).value),
    commitCall: async ({ objects, ...records }) => {
      const total = objects.reduce((sum, { length }) => sum + length, 0);
      if (total <= BATCH_BYTES_MAX) return await commit({ objects, ...records });
      for (const object of objects) await commit({ objects: [object] });
      return await commit({ objects: [], ...records });
    },
  };
}

const sizesOf = (objects: readonly Uint8Array[]): number[] => objects.map(({ length }) => length);

type Ask = (request: BrokerAsk, objects?: readonly Uint8Array[]) => Promise<Answer>;

function createRequests(address: string, open: () => Socket, timeoutMs: number): { ask: Ask; close(): Promise<void> } {
  const pending = new Map<number, Pending>();
  let lastId = 0;
  let closed = false;

  const link = createBrokerLink(
    open,
    () => [...pending.values()].map(({ frame }) => frame),
    (frame) => {
      const entry = take(frameId(frame.header) ?? -1);
      if (entry) answer(entry, frame);
    },
  );

  function take(id: number): Pending | undefined {
    const entry = pending.get(id);
    if (!entry) return undefined;
    clearTimeout(entry.timer);
    pending.delete(id);
    link.settle();
    return entry;
  }

  function giveUp(id: number): void {
    const why = link.connected ? 'it does not answer' : 'nobody listens there';
    const message = `no answer from the store broker at ${address} in ${timeoutMs / 1_000} s: ${why}.`;
    take(id)?.reject(failure('Store.Unavailable', message));
  }

  return {
    ask: (request, objects = []) => {
      if (closed) return Promise.reject(failure('Store.Unavailable', 'the connection to the store broker is closed.'));
      return new Promise((resolve, reject) => {
        const id = ++lastId;
        const frame = encodeFrame(id, request, objects);
        pending.set(id, { frame, resolve, reject, timer: setTimeout(() => giveUp(id), timeoutMs) });
        link.send(frame);
      });
    },
    close: () => {
      closed = true;
      for (const id of [...pending.keys()]) {
        take(id)?.reject(failure('Store.Unavailable', 'the connection to the store broker was closed.'));
      }
      return link.close();
    },
  };
}

function answer({ resolve, reject }: Pending, { header, body }: Frame): void {
  const { data: reply } = brokerReplySchema.safeParse(header);
  const objects = reply?.ok ? splitBody(body, reply.sizes) : undefined;
  if (reply?.ok && objects) resolve({ value: reply.value, objects });
  else if (reply && !reply.ok) reject(failure(reply.type, reply.message));
  else reject(unreadable());
}

const unreadable = (): Error =>
  failure('Store.Unavailable', 'the store broker sent an answer that this version cannot read.');

function readable<T>(schema: z.ZodType<T>, value: unknown): T {
  const { success, data } = schema.safeParse(value);
  if (success) return data;
  throw unreadable();
}
