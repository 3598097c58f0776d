// One end of the broker's socket that comes back: it connects when there is something to say, and again for as long as there is.
import type { Socket } from 'node:net';
import { createFrameReader, type Frame } from './broker-protocol';

export interface BrokerLink {
  readonly connected: boolean;
  /** Sends now where it is connected; otherwise connects, and `unanswered` is sent then. */
  send(frame: readonly Uint8Array[]): void;
  /** To be called when the number of unanswered requests changed: an idle link does not keep a process alive. */
  settle(): void;
  close(): Promise<void>;
}

const RECONNECT_FIRST_MS = 20;
const RECONNECT_MAX_MS = 500;

/**
 * @param open makes the connection; one that is made already is taken as it is
 * @param unanswered frames to send, once more, after each connection
 */
export function createBrokerLink(
  open: () => Socket,
  unanswered: () => Iterable<readonly Uint8Array[]>,
  onFrame: (frame: Frame) => void,
): BrokerLink {
  let socket: Socket | undefined;
  let connected = false;
  let timer: NodeJS.Timeout | undefined;
  let delayMs = RECONNECT_FIRST_MS;
  let closed = false;

  const isWaiting = (): boolean => {
    for (const _ of unanswered()) return true;
    return false;
  };
  const settle = (): void => {
    if (isWaiting()) socket?.ref();
    else socket?.unref();
  };

  function connect(): void {
    if (socket || timer || closed) return;
    const mine = open();
    const read = createFrameReader();
    socket = mine;
    const opened = (): void => {
      connected = true;
      delayMs = RECONNECT_FIRST_MS;
      for (const frame of unanswered()) write(mine, frame);
      settle();
    };
    if (mine.connecting) mine.on('connect', opened);
    else opened();
    mine.on('data', (chunk) => {
      try {
        read(chunk).forEach(onFrame);
      } catch {
        mine.destroy();
      }
    });
    // What went wrong shows in the close that follows.
    mine.on('error', () => undefined);
    mine.on('close', () => {
      socket = undefined;
      connected = false;
      if (closed || !isWaiting()) return;
      timer = setTimeout(() => {
        timer = undefined;
        connect();
      }, delayMs);
      delayMs = Math.min(delayMs * 2, RECONNECT_MAX_MS);
    });
  }

  return {
    get connected() {
      return connected;
    },
    send: (frame) => {
      if (connected && socket) write(socket, frame);
      else connect();
      settle();
    },
    settle,
    close: () => {
      closed = true;
      clearTimeout(timer);
      const open = socket;
      if (!open) return Promise.resolve();
      return new Promise((resolve) => {
        open.once('close', () => resolve());
        open.destroy();
      });
    },
  };
}

function write(socket: Socket, frame: readonly Uint8Array[]): void {
  socket.cork();
  for (const bytes of frame) socket.write(bytes);
  socket.uncork();
}
