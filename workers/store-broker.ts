// The broker: the one process that opens the store answers the toolbox processes that must not. What they may ask is the view of
// directToolStore and nothing else, whatever they send.
import { rmSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { ApplicationFailure } from '@temporalio/common';
import {
  brokerRequestSchema,
  createFrameReader,
  encodeFrame,
  frameId,
  splitBody,
  type BrokerAnswer,
  type BrokerRequest,
  type Frame,
} from '../activities/store/broker-protocol';
import { listenPrivately } from '../activities/store/listen-privately';
import { socketAddress } from '../activities/store/socket-address';
import { directToolStore, type ContentStore, type ToolStore } from '../activities/store';
import { isFailureType } from '../workflows/contract/failures';

export interface StoreBroker {
  /** Where it listens: the path asked for, or a shorter one where that is too long for a socket. */
  readonly address: string;
  close(): Promise<void>;
}

/** Requests of one connection at work at once; the next are not read before one of them is answered. */
const IN_FLIGHT_MAX = 32;

/**
 * Only this user may connect: the socket's mode is 0600.
 * @throws Error when another broker serves this path, or the socket cannot be made
 */
export async function serveStoreBroker({
  store,
  socketPath,
}: {
  store: ContentStore;
  socketPath: string;
}): Promise<StoreBroker> {
  const view = directToolStore(store);
  const address = socketAddress(socketPath);
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    answerToolStore(view, socket);
  });
  await removeAbandoned(address);
  await listenPrivately(server, address);
  return {
    address,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of connections) socket.destroy();
      }),
  };
}

/** Answers one connection until it ends, with what this view of the store lets it reach. */
export function answerToolStore(view: ToolStore, socket: Socket): void {
  const read = createFrameReader();
  let inFlight = 0;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    try {
      for (const frame of read(chunk)) {
        inFlight++;
        void reply(view, socket, frame).finally(() => {
          inFlight--;
          if (inFlight < IN_FLIGHT_MAX) socket.resume();
        });
      }
    } catch {
      // Not a frame, so nothing that follows can be read either.
      socket.destroy();
    }
    if (inFlight >= IN_FLIGHT_MAX) socket.pause();
  });
}

async function reply(view: ToolStore, socket: Socket, { header, body }: Frame): Promise<void> {
  const request = brokerRequestSchema.safeParse(header);
  if (!request.success) {
    const id = frameId(header);
    if (id === undefined) socket.destroy();
    else await send(socket, encodeFrame(id, refusal('the store broker does not know this request.')));
    return;
  }
  const { id } = request.data;
  try {
    const { objects, value } = await answer(view, request.data, body);
    const sizes = objects.map(({ length }) => length);
    await send(socket, encodeFrame(id, { ok: true, sizes, ...(value === undefined ? {} : { value }) }, objects));
  } catch (error) {
    await send(socket, encodeFrame(id, asAnswer(error)));
  }
}

async function answer(
  view: ToolStore,
  request: BrokerRequest,
  body: Buffer,
): Promise<{ objects: Uint8Array[]; value?: unknown }> {
  const whose = 'tenant' in request && request.tenant !== undefined ? view.of(request.tenant) : view;
  switch (request.op) {
    case 'get':
      return { objects: [await view.getObject(request.hash)] };
    case 'read':
      return { objects: [], value: await view.readCallRecord(request.name) };
    case 'names':
      return { objects: [], value: await whose.namesOf(objectsOf(body, request.sizes)) };
    case 'commit': {
      const objects = objectsOf(body, request.sizes);
      const written = await whose.commitCall({
        objects,
        ...(request.record ? { record: request.record } : {}),
        ...(request.effect ? { effect: request.effect } : {}),
      });
      return { objects: [], value: written };
    }
  }
}

function objectsOf(body: Buffer, sizes: readonly number[]): Buffer[] {
  const objects = splitBody(body, sizes);
  if (!objects) throw new Error('the sizes of the objects do not add up.');
  return objects;
}

/** Resolves when the bytes are handed to the kernel: a client that does not read holds up its own requests only. */
const send = (socket: Socket, frame: readonly Uint8Array[]): Promise<void> =>
  new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    socket.cork();
    frame.forEach((bytes, at) => socket.write(bytes, at === frame.length - 1 ? () => resolve() : undefined));
    socket.uncork();
  });

function asAnswer(error: unknown): BrokerAnswer {
  if (error instanceof ApplicationFailure && isFailureType(error.type)) {
    return { ok: false, type: error.type, message: error.message };
  }
  return refusal(error instanceof Error ? error.message : String(error));
}

const refusal = (message: string): BrokerAnswer => ({ ok: false, type: 'Runtime.Unexpected', message });

/** A socket file outlives a process that was killed; one where somebody answers is not ours to take. */
async function removeAbandoned(address: string): Promise<void> {
  const inUse = await new Promise<boolean>((resolve) => {
    const probe = createConnection(address);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
  if (inUse) throw new Error(`another store broker serves ${address}: stop it, or choose another path.`);
  rmSync(address, { force: true });
}
