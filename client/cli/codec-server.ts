// Temporal's codec server: shows clear text to the Web UI and the `temporal` command line, over HTTP, where they are used.
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { z } from 'zod';

export const DEFAULT_CODEC_PORT = 8234;

export interface CodecServerOptions {
  codec: PayloadCodec;
  /** @default 127.0.0.1. Any other address needs a token: who can reach the server can read all histories. */
  host?: string;
  /** 0 for a free one. */
  port: number;
  /** Asked for as `Authorization: Bearer <token>`. @default none: everybody who can reach the server is answered */
  token?: string;
  /** Origins of the web pages that may read, such as `http://localhost:8233`. Asked for with each request; others are refused. */
  origins: () => readonly string[];
}

export interface CodecServer {
  /** What `temporal --codec-endpoint` takes. */
  readonly url: string;
  close(): Promise<void>;
}

/** A request is refused, with this status and one line. */
class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** Temporal's own messages end at 4 MB, base64 makes 5.4 of it; the Web UI sends the payloads of a page of events at once. */
const BODY_BYTES_MAX = 32 * 1024 * 1024;
const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];
const PREFLIGHT_SECONDS = 600;

/** Protobuf's JSON: bytes in base64, empty ones left out. */
const bodySchema = z.object({
  payloads: z
    .array(z.object({ metadata: z.record(z.string(), z.string()).optional(), data: z.string().optional() }))
    .optional(),
});

/** @throws Error `EADDRINUSE` and the like; TypeError when another address than loopback is to be served without a token */
export async function startCodecServer(options: CodecServerOptions): Promise<CodecServer> {
  const host = options.host ?? '127.0.0.1';
  const local = isLoopback(host);
  if (!local && !options.token) throw new TypeError(`the codec server serves ${host} only with a token.`);
  const server = createServer((request, response) => {
    answer(options, local, request, response).catch((error: unknown) => refuse(response, error));
  });
  const port = await listen(server, options.port, host);
  return {
    url: `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);

async function answer(
  options: CodecServerOptions,
  local: boolean,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  // A page of any site may point its own name at this machine, and would then ask in its own name.
  if (local && !LOOPBACK_NAMES.includes((request.headers.host ?? '').replace(/:\d+$/, ''))) {
    throw new Refusal(403, 'this server answers to the names of this machine alone.');
  }
  allowOrigin(options.origins(), request, response);
  if (request.method === 'OPTIONS') {
    response.writeHead(204).end();
    return;
  }
  const [, direction] = /\/(encode|decode)$/.exec(new URL(request.url ?? '/', 'http://localhost').pathname) ?? [];
  if (direction === undefined) throw new Refusal(404, 'a codec server has /encode and /decode.');
  if (request.method !== 'POST') throw new Refusal(405, 'payloads are posted.');
  if (options.token !== undefined && !isToken(options.token, request.headers.authorization ?? '')) {
    response.setHeader('www-authenticate', 'Bearer');
    throw new Refusal(401, 'this codec server asks for a token: --codec-auth "Bearer TOKEN".');
  }
  const payloads = parsePayloads(await readBody(request));
  const { codec } = options;
  const turned = await (direction === 'encode' ? codec.encode(payloads) : codec.decode(payloads)).catch(unreadable);
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify({ payloads: turned.map(payloadToJson) }));
}

/** Nothing is said of a request without an origin: no browser sent it. */
function allowOrigin(origins: readonly string[], request: IncomingMessage, response: ServerResponse): void {
  const { origin } = request.headers;
  if (origin === undefined) return;
  if (!origins.includes(origin)) throw new Refusal(403, 'pages of this origin may not read: see --origin.');
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('vary', 'origin');
  response.setHeader('access-control-allow-methods', 'POST');
  response.setHeader('access-control-allow-headers', 'authorization, content-type, x-namespace');
  // The Web UI sends its cookies where it is set up to; none is read here.
  response.setHeader('access-control-allow-credentials', 'true');
  response.setHeader('access-control-max-age', String(PREFLIGHT_SECONDS));
}

/** In the same time for every wrong token of every length. */
function isToken(token: string, authorization: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(`Bearer ${token}`), digest(authorization));
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new Refusal(413, `at most ${BODY_BYTES_MAX} bytes of payloads at once.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsePayloads(body: string): Payload[] {
  const parsed = bodySchema.safeParse(jsonOf(body));
  if (!parsed.success)
    throw new Refusal(400, 'the body is {"payloads": [{"metadata": {...}, "data": "..."}]}, in base64.');
  return (parsed.data.payloads ?? []).map(({ metadata = {}, data = '' }) => ({
    metadata: Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, Buffer.from(value, 'base64')])),
    data: Buffer.from(data, 'base64'),
  }));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function payloadToJson({ metadata, data }: Payload): { metadata: { [key: string]: string }; data?: string } {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  return {
    metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([key, value]) => [key, base64(value)])),
    ...(data?.length ? { data: base64(data) } : {}),
  };
}

/** Typed failures are one line, without content: which key is missing is what the reader needs to know. */
function unreadable(error: unknown): never {
  const { type, message } = error as { type?: unknown; message?: unknown };
  if (typeof type === 'string' && typeof message === 'string') throw new Refusal(400, `${type}: ${message}`);
  throw error;
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const [status, text] = error instanceof Refusal ? [error.status, error.message] : [500, 'the codec server failed.'];
  // The rest of a body that was not read would be taken for the next request.
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' }).end(`${text}\n`);
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const bound = server.address();
      resolve(typeof bound === 'object' && bound ? bound.port : port);
    });
  });
}
