// One HTTP exchange of a tool, redirects included. Each connection is new and goes where the walls allow, whatever the last one did.
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { ToolRejection } from '../define/tool';
import { ToolFailure } from '../define/tool-failure';
import { requireAllowed, type HttpWalls } from './walls';

export interface HttpRequest {
  url: URL;
  method: string;
  /** Names in lower case. */
  headers: { readonly [name: string]: string };
  body?: string | Uint8Array | undefined;
  signal: AbortSignal;
}

export interface HttpAnswer {
  response: IncomingMessage;
  status: number;
  host: string;
  /** An earlier hop may have acted before it said where to go on. */
  acted: boolean;
}

const REDIRECTS_MAX = 5;
const REDIRECTS = [301, 302, 303, 307, 308];
const SAFE = ['GET', 'HEAD'];
/** What a place that was redirected to is told; everything else was meant for the first one, credentials above all. */
const PASSED_ON = ['accept', 'accept-encoding', 'content-type', 'user-agent', 'idempotency-key'];

/** @throws ToolRejection where a wall stands; ToolFailure where the other side cannot be reached or breaks off */
export async function sendRequest(first: HttpRequest, walls: HttpWalls): Promise<HttpAnswer> {
  let request = first;
  let acted = false;
  for (let hop = 0; ; hop += 1) {
    const response = await sendOnce(request, walls, acted);
    const status = response.statusCode ?? 0;
    const { location } = response.headers;
    const host = request.url.host;
    if (!REDIRECTS.includes(status) || location === undefined) return { response, status, host, acted };
    response.destroy();
    // With 307 and 308 the first server says that it has done nothing.
    acted ||= !SAFE.includes(request.method) && status < 307;
    if (hop === REDIRECTS_MAX) throw refusal(`${host} redirects more than ${REDIRECTS_MAX} times.`, acted);
    request = redirected(request, { status, location, acted });
  }
}

/** What the model is told of a request that will not be made or repeated. */
export const refusal = (message: string, acted: boolean): Error =>
  acted ? new ToolFailure('Tool.Failed', message, { final: true, mayHaveActed: true }) : new ToolRejection(message);

function redirected(
  { body, ...request }: HttpRequest,
  { status, location, acted }: { status: number; location: string; acted: boolean },
): HttpRequest {
  if (!URL.canParse(location, request.url.href))
    throw refusal(`${request.url.host} redirects to something that is no URL.`, acted);
  const url = new URL(location, request.url);
  const headers =
    url.origin === request.url.origin
      ? request.headers
      : Object.fromEntries(Object.entries(request.headers).filter(([name]) => PASSED_ON.includes(name)));
  const asGet = status === 303 ? request.method !== 'HEAD' : status < 303 && request.method === 'POST';
  if (!asGet) return { ...request, url, headers, body };
  const { 'content-type': _, ...rest } = headers;
  return { ...request, url, method: 'GET', headers: rest };
}

/** Without following where it is sent on. @throws as `sendRequest` */
export async function sendOnce(request: HttpRequest, walls: HttpWalls, acted: boolean): Promise<IncomingMessage> {
  const { url, method, headers, body, signal } = request;
  let sent = false;
  try {
    requireAllowed(url, walls);
    return await new Promise<IncomingMessage>((resolve, reject) => {
      const secure = url.protocol === 'https:';
      const open = secure ? httpsRequest : httpRequest;
      // Without an agent: a connection that is kept was opened for another request, and nobody would look at its address again.
      const outgoing = open(url, { method, headers, agent: false, lookup: walls.lookup, signal });
      outgoing.on('socket', (socket) => socket.once(secure ? 'secureConnect' : 'connect', () => (sent = true)));
      outgoing.on('response', resolve);
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  } catch (error) {
    if (signal.aborted) throw error;
    if (error instanceof ToolRejection) throw acted ? refusal(error.message, acted) : error;
    const code = codeOf(error);
    const what = sent ? `the connection to ${url.host} broke` : `${url.host} cannot be reached`;
    throw new ToolFailure('Tool.Failed', `${what} (${code}).`, { mayHaveActed: sent || acted });
  }
}

/** The code alone: the text of such an error holds addresses. */
export const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'no reason given';
