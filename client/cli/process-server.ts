// What a process tells those that keep it: metrics, and whether it is well and takes work. Nothing of runs is told here.
import { createServer, type Server, type ServerResponse } from 'node:http';
import { metricsText } from '../../workers/metrics-text';
import type { ServedAgents } from '../../workers/serve-agents';

export interface ProcessServerOptions {
  served: ServedAgents;
  /** 0 for a free one. */
  port: number;
  /** @default '127.0.0.1' */
  host?: string;
  /** Whether Temporal and the store answer. @throws with the reason where they do not */
  check(): Promise<void>;
}

/** A platform that asks each second must not wait for one answer while it sends the next. */
const CHECK_MS = 2_000;
/** Whoever sends its request no faster is no platform. */
const REQUEST_MS = 5_000;
const CONNECTIONS_MOST = 100;

/** @throws Error `EADDRINUSE` and the like */
export async function serveProcess({ served, port, host = '127.0.0.1', check }: ProcessServerOptions): Promise<Server> {
  const server = createServer({ headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS }, (request, response) => {
    void answer(request.url ?? '', request.headers.accept, response);
  });
  server.maxConnections = CONNECTIONS_MOST;

  async function answer(url: string, accept: string | undefined, response: ServerResponse): Promise<void> {
    if (url === '/metrics') return await metrics(accept, response);
    if (url === '/healthz') return tell(response, isAlive(served) ? 200 : 500, { state: stateOf(served) });
    if (url === '/readyz') return await ready(response);
    tell(response, 404, { error: 'there is /metrics, /healthz and /readyz' });
  }

  async function metrics(accept: string | undefined, response: ServerResponse): Promise<void> {
    try {
      const { coreMetricsAddress } = served;
      const core = coreMetricsAddress === undefined ? {} : { coreMetricsAddress };
      const { contentType, text } = await metricsText({ registry: served.metrics.registry, ...core }, accept);
      response.writeHead(200, { 'content-type': contentType }).end(text);
    } catch {
      response.writeHead(500).end();
    }
  }

  async function ready(response: ServerResponse): Promise<void> {
    const state = stateOf(served);
    if (state !== 'running') return tell(response, 503, { state });
    const problem = await within(check());
    tell(response, problem === undefined ? 200 : 503, { state, ...(problem === undefined ? {} : { problem }) });
  }

  return await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}

/** Of metrics; the others stand beside it. */
export function metricsUrl(server: Server): string {
  const bound = server.address();
  if (typeof bound !== 'object' || bound === null) throw new Error('it listens nowhere.');
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return `http://${host}:${bound.port}/metrics`;
}

/** Of a process that serves toolboxes alone: its worker is well until it is not. */
const stateOf = ({ worker }: ServedAgents): string => worker.load()?.state ?? 'running';
const isAlive = (served: ServedAgents): boolean => ['running', 'draining'].includes(stateOf(served));

/** @returns what is wrong, in words */
async function within(checked: Promise<void>): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer within ${CHECK_MS / 1_000} s`), CHECK_MS);
  });
  const told = checked.then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message.split('\n')[0] : String(error)),
  );
  const found = await Promise.race([told, late]);
  clearTimeout(timer);
  return found;
}

const tell = (response: ServerResponse, status: number, body: { [name: string]: string }): void => {
  response
    .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    .end(JSON.stringify(body));
};
