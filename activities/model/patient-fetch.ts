// Node's own fetch gives up on a stream that is silent for 300 s (undici's bodyTimeout), and a model may think for longer before its
// first word. How long a call may take is the activity's to say; so this one waits until its signal, or the connection, ends it.
import { Agent, request as requestHttp, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as TlsAgent, request as requestHttps } from 'node:https';
import { Readable } from 'node:stream';
import type { Socket } from 'node:net';

/** Of a connection, not of an answer: a host that does not take one within this is down. As undici has it. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Probes below the idle limit of common gateways (60 s and up), so that a long silence keeps its connection, and a dead peer shows. */
const TCP_KEEP_ALIVE_MS = 30_000;

const plain = new Agent({ keepAlive: true });
const tls = new TlsAgent({ keepAlive: true });

/**
 * What a model call needs of fetch: a body of text, headers, a signal, a streamed response. Redirects are not followed: they would
 * carry the key elsewhere. Responses are asked for uncompressed, so that each piece of a stream comes as soon as it is sent.
 */
export const patientFetch: typeof fetch = (input, init = {}) =>
  new Promise((resolve, reject) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const body = typeof init.body === 'string' ? Buffer.from(init.body, 'utf8') : undefined;
    const headers = Object.fromEntries(new Headers(init.headers));
    const options = {
      method: init.method ?? 'GET',
      headers: { 'accept-encoding': 'identity', ...headers, ...(body ? { 'content-length': body.length } : {}) },
      ...(init.signal ? { signal: init.signal } : {}),
    };
    const answered = (message: IncomingMessage) => {
      try {
        resolve(responseOf(message));
      } catch (error) {
        // A status that a Response with a body cannot have, such as 204: thrown on, it would end the process.
        message.destroy();
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    };
    const request =
      url.protocol === 'https:'
        ? requestHttps(url, { ...options, agent: tls }, answered)
        : requestHttp(url, { ...options, agent: plain }, answered);
    request.once('socket', (socket) => watchConnect(socket, request));
    request.on('error', reject);
    request.end(body);
  });

function watchConnect(socket: Socket, request: ClientRequest): void {
  if (!socket.connecting) return;
  const timer = setTimeout(() => {
    request.destroy(new Error(`connect timed out after ${CONNECT_TIMEOUT_MS} ms`));
  }, CONNECT_TIMEOUT_MS);
  socket.once('close', () => clearTimeout(timer));
  socket.once('connect', () => {
    clearTimeout(timer);
    socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
  });
}

function responseOf(message: IncomingMessage): Response {
  const headers = new Headers();
  for (const [name, values] of Object.entries(message.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  // Node types its own stream apart from the global one, which it is.
  const body = Readable.toWeb(message) as ReadableStream<Uint8Array>;
  return new Response(body, { status: message.statusCode ?? 500, headers });
}
