// The API on a port of this machine, until it is closed.
import { setMaxListeners } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { isIP } from 'node:net';
import { setTimeout as after } from 'node:timers/promises';
import { RequestError, getRequestListener } from '@hono/node-server';
import { ClientError } from '../errors';
import { progressAnswered } from '../shared-progress';
import { CONNECTION_OPTIONS, limitConnections } from './connection-limits';
import { createApi } from './create-api';
import { isLoopback } from './loopback';
import { Problem, problemOf, problemResponse } from './problem';
import { isOpenAiPath, openAiErrorResponse } from './responses/openai-error';
import type { ApiDeps } from './route';
import { answerUnread, NO_PATH } from './unread-requests';

const DEFAULT_API_PORT = 8235;
/** A worker that is there answers sooner. */
const ANSWERED_MS = 2_000;

export interface ServeApiOptions extends Omit<ApiDeps, 'over'> {
  /** 0 for a free one. @default 8235 */
  port?: number;
  /** @default 127.0.0.1. Any other address needs keys: who can reach the server can read all runs. */
  host?: string;
}

export interface ApiServer {
  readonly url: string;
  /** Those who wait are cut off; their runs go on. */
  close(): Promise<void>;
}

/** @throws ClientError `misconfigured`; Error `EADDRINUSE` and the like */
export async function serveApi({
  port = DEFAULT_API_PORT,
  host = '127.0.0.1',
  ...deps
}: ServeApiOptions): Promise<ApiServer> {
  if (deps.keys.length === 0 && !isLoopback(host))
    throw new ClientError(
      'misconfigured',
      `the API is served on ${host} only with keys: "longhaul api-key NAME" makes one for api.keys of longhaul.config.ts.`,
    );
  const over = new AbortController();
  // Each request that is under way listens: many of them are no leak, of which Node would warn.
  setMaxListeners(0, over.signal);
  const { fetch } = createApi({ ...deps, over: over.signal });
  const listenerOf = (refusal: (problem: Problem) => Response): RequestListener =>
    getRequestListener((request, env) => fetch(request, env), {
      overrideGlobalObjects: false,
      // A host that is none, say.
      errorHandler: (error) =>
        refusal(
          error instanceof RequestError ? new Problem('Api.InvalidRequest', 'it is no request.') : problemOf(error),
        ),
    });
  const listener = listenerOf((problem) => problemResponse(problem, NO_PATH));
  const ofOpenAi = listenerOf(openAiErrorResponse);
  const server = createServer(CONNECTION_OPTIONS, (request, response) => {
    const [path = ''] = (request.url ?? '').split('?');
    (isOpenAiPath(path) ? ofOpenAi : listener)(request, response);
  });
  limitConnections(server);
  answerUnread(server);
  const bound = await new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
  return {
    url: `http://${isIP(host) === 6 ? `[${host}]` : host}:${bound}`,
    close: async () => {
      over.abort();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await Promise.race([progressAnswered(deps.temporal), after(ANSWERED_MS, undefined, { ref: false })]);
    },
  };
}
