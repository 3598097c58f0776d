// The store as a toolbox process sees it: over a Unix socket, through the broker, and no further than the broker lets it.
import { createConnection, type Socket } from 'node:net';
import { failure } from '../failure';
import {
  brokerReplySchema,
  createFrameReader,
  encodeFrame,
  frameId,
  OBJECT_BYTES_MAX,
  splitBody,
  type BrokerAsk,
  type Frame,
} from './broker-protocol';
import { socketAddress } from './socket-address';
import type { ToolStore } from './tool-store';

export interface BrokerToolStore extends ToolStore {
  close(): Promise<void>;
}

export interface BrokerClientOptions {
  /** How long one request waits for its answer, the broker's restarts included, in milliseconds. @default 15000 */
  timeoutMs?: number;
}

/** A broker restarts with its worker in a few seconds; beyond that, Temporal's retry waits better than we do. */
const TIMEOUT_MS = 15_000;
const RECONNECT_FIRST_MS = 20;
const RECONNECT_MAX_MS = 500;
/** Objects that travel with a record; more go before it, one by one. */
const BATCH_BYTES_MAX = OBJECT_BYTES_MAX / 2;

interface Pending {
  frame: Uint8Array[];
  resolve(answer: { value: unknown; objects: Buffer[] }): void;
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
  const pending = new Map<number, Pending>();
  let socket: Socket | undefined;
  let connected = false;
  let reconnect: NodeJS.Timeout | undefined;
  let delayMs = RECONNECT_FIRST_MS;
  let lastId = 0;
  let closed = false;

  function connect(): void {
    if (socket || reconnect || closed) return;
    const mine = createConnection(address);
    socket = mine;
    const read = createFrameReader();
    mine.on('connect', () => {
      connected = true;
      delayMs = RECONNECT_FIRST_MS;
      for (const { frame } of pending.values()) send(mine, frame);
      keepAliveWhileWaiting();
    });
    mine.on('data', (chunk) => {
      try {
        read(chunk).forEach(settle);
      } catch {
        mine.destroy();
      }
    });
    // What went wrong shows in the close that follows.
    mine.on('error', () => undefined);
    mine.on('close', () => {
      socket = undefined;
      connected = false;
      if (pending.size === 0 || closed) return;
      reconnect = setTimeout(() => {
        reconnect = undefined;
        connect();
      }, delayMs);
      delayMs = Math.min(delayMs * 2, RECONNECT_MAX_MS);
    });
  }

  /** An idle connection does not keep a process alive that is otherwise done. */
  function keepAliveWhileWaiting(): void {
    if (pending.size > 0) socket?.ref();
    else socket?.unref();
  }

  function take(id: number): Pending | undefined {
    const entry = pending.get(id);
    if (!entry) return undefined;
    clearTimeout(entry.timer);
    pending.delete(id);
    keepAliveWhileWaiting();
    return entry;
  }

  function settle({ header, body }: Frame): void {
    const entry = take(frameId(header) ?? -1);
    if (!entry) return;
    const { data: reply } = brokerReplySchema.safeParse(header);
    const objects = reply?.ok ? splitBody(body, reply.sizes) : undefined;
    if (reply?.ok && objects) entry.resolve({ value: reply.value, objects });
    else if (reply && !reply.ok) entry.reject(failure(reply.type, reply.message));
    else entry.reject(failure('Store.Unavailable', 'the store broker sent an answer that this version cannot read.'));
  }

  function ask(
    request: BrokerAsk,
    objects: readonly Uint8Array[] = [],
  ): Promise<{ value: unknown; objects: Buffer[] }> {
    if (closed) return Promise.reject(failure('Store.Unavailable', 'the connection to the store broker is closed.'));
    const id = ++lastId;
    return new Promise((resolve, reject) => {
      const frame = encodeFrame(id, request, objects);
      const timer = setTimeout(() => {
        const why = connected ? 'it does not answer' : 'nobody listens there';
        take(id)?.reject(
          failure(
            'Store.Unavailable',
            `no answer from the store broker at ${address} in ${timeoutMs / 1_000} s: ${why}.`,
          ),
        );
      }, timeoutMs);
      pending.set(id, { frame, resolve, reject, timer });
      if (connected && socket) send(socket, frame);
      else connect();
      keepAliveWhileWaiting();
    });
  }

  const commit = (objects: readonly Uint8Array[], record?: { name: string; value: unknown }): Promise<unknown> =>
    ask({ op: 'commit', sizes: objects.map(({ length }) => length), ...(record ? { record } : {}) }, objects);

  return {
    getObject: async (hash) => {
      const [bytes] = (await ask({ op: 'get', hash })).objects;
      // A copy: the frame's buffer may hold other objects, and lives as long as any view of it.
      if (bytes) return Uint8Array.from(bytes);
      throw failure('Store.Unavailable', 'the store broker sent an answer without its object.');
    },
    readCallRecord: async (name) => (await ask({ op: 'read', name })).value,
    commitCall: async ({ objects, record }) => {
      const total = objects.reduce((sum, { length }) => sum + length, 0);
      if (total <= BATCH_BYTES_MAX) {
        await commit(objects, record);
        return;
      }
      for (const object of objects) await commit([object]);
      if (record) await commit([], record);
    },
    close: () => {
      closed = true;
      clearTimeout(reconnect);
      for (const id of [...pending.keys()]) {
        take(id)?.reject(failure('Store.Unavailable', 'the connection to the store broker was closed.'));
      }
      const open = socket;
      if (!open) return Promise.resolve();
      return new Promise((resolve) => {
        open.once('close', () => resolve());
        open.destroy();
      });
    },
  };
}

function send(socket: Socket, frame: readonly Uint8Array[]): void {
  socket.cork();
  for (const bytes of frame) socket.write(bytes);
  socket.uncork();
}
