// A run over HTTP while it goes: server-sent events on this machine, for those who have the folder's token.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import path from 'node:path';
import { hasCode } from '../../infra/temporal/error-reason';
import type { AgentClient } from '../agent-client';
import { ClientError } from '../errors';
import { streamRun } from './stream-run';

export interface RunServerOptions {
  client: AgentClient;
  token: string;
  /** 0 for a free one. */
  port: number;
}

export interface RunServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Each holds a connection, and asks a worker four times a second. */
const READERS_MAX = 100;
const DEFAULT_PORT = 8235;
export const TOKEN_FILE = 'http-token';
const LOOPBACK_NAMES = ['localhost', '127.0.0.1'];
const EVENTS = /^\/runs\/([^/]+)\/events$/;

/** Made where there is none; whoever can read the folder's state can read all that it gives access to. */
export function folderToken(stateDir: string): string {
  const file = path.join(stateDir, TOKEN_FILE);
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { flag: 'wx', mode: 0o600 });
  } catch {
    // It is there.
  }
  return readFileSync(file, 'utf8').trim();
}

/** On another port where the usual one is taken, as the other servers of `dev`. */
export async function startDevRunServer(options: Omit<RunServerOptions, 'port'>): Promise<RunServer> {
  return await startRunServer({ ...options, port: DEFAULT_PORT }).catch((error: unknown) => {
    if (hasCode(error, 'EADDRINUSE')) return startRunServer({ ...options, port: 0 });
    throw error;
  });
}

/** @throws Error `EADDRINUSE` and the like */
export async function startRunServer({ client, token, port }: RunServerOptions): Promise<RunServer> {
  const over = new AbortController();
  let readers = 0;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refuse = (status: number, line: string, headers: { [name: string]: string } = {}): void =>
      void response
        .writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close', ...headers })
        .end(`${line}\n`);
    // A page of any site may point its own name at this machine, and would then ask in its own name.
    if (!LOOPBACK_NAMES.includes((request.headers.host ?? '').replace(/:\d+$/, '')))
      return refuse(403, 'this server answers to the names of this machine alone.');
    if (!isToken(token, request.headers.authorization ?? ''))
      return refuse(401, `this server asks for the token in .longhaul/${TOKEN_FILE}: "Authorization: Bearer TOKEN".`, {
        'www-authenticate': 'Bearer',
      });
    const [, id] = EVENTS.exec(new URL(request.url ?? '/', 'http://localhost').pathname) ?? [];
    if (id === undefined) return refuse(404, 'there is /runs/RUN/events.');
    if (request.method !== 'GET') return refuse(405, 'events are read.', { allow: 'GET' });
    if (readers >= READERS_MAX)
      return refuse(503, `${READERS_MAX} readers are enough: come again.`, { 'retry-after': '5' });
    readers += 1;
    try {
      const [lastId] = [request.headers['last-event-id']].flat();
      await streamRun(client.run(decoded(id)), lastId, response, over.signal);
    } catch (error) {
      if (response.headersSent) return void response.destroy();
      if (ClientError.isInstance(error) && error.code === 'run-not-found') return refuse(404, error.message);
      refuse(500, 'the run cannot be read.');
    } finally {
      readers -= 1;
    }
  }

  const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
  const bound = await new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
  return {
    url: `http://127.0.0.1:${bound}`,
    close: () =>
      new Promise((resolve) => {
        over.abort();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** In the same time for every wrong token of every length. */
function isToken(token: string, authorization: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(`Bearer ${token}`), digest(authorization));
}

function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}
