// Answers on their way, for readers on this machine: each worker has a Unix socket in the folder's state, and only its user may connect.
// A reader is sent what it has not read whenever its socket has room, so a slow one costs nothing but a number.
import { mkdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { listenPrivately } from '../store/listen-privately';
import { createLiveTexts } from './live-texts';
import type { TextPosition, TextPublisher } from './port';
import {
  addressOf,
  createLineReader,
  helloSchema,
  markOf,
  newSocketName,
  parseLine,
  removeAbandoned,
  streamsFolder,
} from './socket-folder';

/** Of one worker. */
const READERS_MAX = 256;
const HELLO_CHARS_MAX = 4_096;

interface Subscriber {
  run: string;
  socket: Socket;
  told: TextPosition | undefined;
  /** Its socket has no room: what comes meanwhile is sent at once later. */
  isFull: boolean;
}

/** @throws Error where the socket cannot be made */
export async function openSocketPublisher({ stateDir }: { stateDir: string }): Promise<TextPublisher> {
  const byRun = new Map<string, Set<Subscriber>>();
  const sockets = new Set<Socket>();
  const due = new Set<string>();
  // What comes in one read of the provider's socket is sent in one write.
  const texts = createLiveTexts(({ place: { run } }) => {
    if (!byRun.has(run)) return;
    if (due.size === 0) setImmediate(sendDue);
    due.add(run);
  });

  function sendDue(): void {
    const runs = [...due];
    due.clear();
    for (const run of runs) byRun.get(run)?.forEach(send);
  }
  function send(to: Subscriber): void {
    const live = texts.of(to.run);
    if (!live || to.isFull || to.socket.destroyed) return;
    const { begunAt } = live.place;
    if (to.told && to.told.begunAt > begunAt) return;
    const event = live.since(to.told?.begunAt === begunAt ? to.told.sequence : 0);
    if (!event) return;
    to.told = event;
    live.wasRead = true;
    to.isFull = !to.socket.write(`${JSON.stringify(event)}\n`);
  }
  function serve(socket: Socket): void {
    sockets.add(socket);
    const lines = createLineReader(HELLO_CHARS_MAX);
    let subscriber: Subscriber | undefined;
    socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      sockets.delete(socket);
      const others = subscriber && byRun.get(subscriber.run);
      if (!subscriber || !others) return;
      others.delete(subscriber);
      if (others.size === 0) byRun.delete(subscriber.run);
    });
    socket.on('drain', () => {
      if (!subscriber) return;
      subscriber.isFull = false;
      send(subscriber);
    });
    socket.on('data', (chunk) => {
      try {
        for (const line of lines(String(chunk))) {
          const hello = parseLine(helloSchema, line);
          if (!hello || subscriber) throw new TypeError('that is not how a reader begins.');
          subscriber = { run: hello.run, socket, told: hello.after, isFull: false };
          byRun.set(hello.run, (byRun.get(hello.run) ?? new Set()).add(subscriber));
          send(subscriber);
        }
      } catch {
        socket.destroy();
      }
    });
  }

  mkdirSync(streamsFolder(stateDir), { recursive: true, mode: 0o700 });
  await removeAbandoned(stateDir);
  const name = newSocketName(process.pid);
  const server = createServer(serve);
  server.maxConnections = READERS_MAX;
  await listenPrivately(server, addressOf(stateDir, name));
  writeFileSync(markOf(stateDir, name), '', { mode: 0o600 });
  return {
    open: texts.open,
    close: async () => {
      await rm(markOf(stateDir, name), { force: true });
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      });
    },
  };
}
