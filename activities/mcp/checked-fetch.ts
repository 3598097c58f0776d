// The `fetch` that a client of MCP is given: behind the same walls as an HTTP tool, and with an end to what is read.
import { Readable } from 'node:stream';
import { unpacked } from '../http/read-body';
import { sendRequest } from '../http/send-request';
import type { HttpWalls } from '../http/walls';

/** Statuses whose answers have no body, which `Response` insists on. */
const EMPTY = [204, 205, 304];

/**
 * An answer is cut at `maxBytes`. The stream that a server may say things on by itself, which is no answer, is asked for again then.
 * @param onFlood told of an answer that went beyond them
 */
export function checkedFetch(
  walls: HttpWalls,
  { maxBytes, onFlood }: { maxBytes: number; onFlood: () => void },
): (url: string | URL, init?: RequestInit) => Promise<Response> {
  return async (url, init = {}) => {
    const { body, method = 'GET', signal } = init;
    if (body !== undefined && body !== null && typeof body !== 'string')
      throw new TypeError('a client of MCP sends text.');
    const headers = Object.fromEntries(new Headers(init.headers));
    const sized = typeof body === 'string' ? { 'content-length': String(Buffer.byteLength(body)) } : {};
    const { response, status } = await sendRequest(
      {
        url: new URL(url),
        method,
        headers: { ...headers, ...sized, 'accept-encoding': 'identity' },
        ...(typeof body === 'string' ? { body } : {}),
        signal: signal ?? new AbortController().signal,
      },
      walls,
    );
    const answered = new Headers();
    for (const [name, value] of Object.entries(response.headers))
      if (value !== undefined && name !== 'content-encoding' && name !== 'content-length')
        answered.set(name, String(value));
    const stream = Readable.toWeb(
      Readable.from(limited(unpacked(response), maxBytes, method === 'POST' ? onFlood : undefined)),
    );
    if (EMPTY.includes(status)) response.resume();
    return new Response(EMPTY.includes(status) ? null : stream, { status, headers: answered });
  };
}

async function* limited(
  body: Readable,
  maxBytes: number,
  onFlood: (() => void) | undefined,
): AsyncGenerator<Uint8Array> {
  let length = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > maxBytes) {
      onFlood?.();
      throw new Error(`more than ${maxBytes} bytes`);
    }
    yield chunk;
  }
}
