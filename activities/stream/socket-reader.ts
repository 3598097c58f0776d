// Reads answers on their way from all workers of a folder: those that are there, and those that come later.
import { createConnection, type Socket } from 'node:net';
import type { TextReader } from './port';
import { addressOf, createLineReader, listSockets, parseLine, textEventSchema } from './socket-folder';
import { createTextFollower, type TextFollower } from './text-follower';

/** How soon a worker is found that has come meanwhile. Looking costs some 50 µs. */
const LOOK_MS = 200;
/** A dead worker's socket is tried again after so long: it stands there until the next worker starts. */
const REFUSED_MS = 2_000;
/** A whole answer, each of its characters escaped. */
const LINE_CHARS_MAX = 8_000_000;

export function createSocketReader({ stateDir }: { stateDir: string }): TextReader {
  const over = new AbortController();
  return {
    read: async function* (run, { after, signal } = {}) {
      const left = new AbortController();
      const stop = AbortSignal.any([over.signal, left.signal, ...(signal ? [signal] : [])]);
      const follower = createTextFollower(after);
      const connections = connectAll(stateDir, run, follower);
      try {
        yield* follower.events(stop);
      } finally {
        left.abort();
        connections.close();
      }
    },
    close: () => {
      over.abort();
      return Promise.resolve();
    },
  };
}

function connectAll(stateDir: string, run: string, follower: TextFollower): { close(): void } {
  const sockets = new Map<string, Socket>();
  const refused = new Map<string, number>();
  let isClosed = false;

  function connect(name: string): void {
    const socket = createConnection(addressOf(stateDir, name));
    const lines = createLineReader(LINE_CHARS_MAX);
    sockets.set(name, socket);
    socket.setEncoding('utf8');
    socket.on('connect', () => {
      const { told } = follower;
      const after = told && { begunAt: told.begunAt, sequence: told.sequence };
      socket.write(`${JSON.stringify({ run, after })}\n`);
    });
    socket.on('error', () => refused.set(name, Date.now()));
    socket.on('close', () => sockets.delete(name));
    socket.on('data', (chunk) => {
      try {
        for (const line of lines(String(chunk))) {
          const event = parseLine(textEventSchema, line);
          // It says where it stands when it connects again, and is sent the rest.
          if (event?.run !== run || follower.take(event) === 'gap') return void socket.destroy();
        }
      } catch {
        socket.destroy();
      }
    });
  }
  async function look(): Promise<void> {
    for (const name of await listSockets(stateDir)) {
      const isTried = sockets.has(name) || Date.now() - (refused.get(name) ?? 0) < REFUSED_MS;
      if (!isTried && !isClosed) connect(name);
    }
  }
  // What keeps it from looking now may be gone the next time.
  const lookNow = (): void => void look().catch(() => undefined);
  const looking = setInterval(lookNow, LOOK_MS);
  lookNow();
  return {
    close: () => {
      isClosed = true;
      clearInterval(looking);
      for (const socket of sockets.values()) socket.destroy();
    },
  };
}
