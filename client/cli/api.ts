// `longhaul api`: the HTTP API for a Temporal and a store that workers elsewhere serve. `dev` serves it beside its workers.
import type { Client } from '@temporalio/client';
import type { ContentStore } from '../../activities/store';
import type { RebuiltRequest } from '../../activities/rebuild/rebuild-request';
import { openTextReader } from '../../activities/stream/open-streams';
import { hasCode } from '../../infra/temporal/error-reason';
import type { Settings } from '../../workers/config';
import type * as served from '../api/serve-api';
import { configuredQuotas } from './configured-quotas';
import { cannotListen } from './cannot-listen';
import type { CliContext } from './context';
import { curlOf } from './curl-command';
import { EXIT, errorLine } from './exit-codes';

export interface ApiCommandOptions {
  /** 0 for a free one. @default 8235 */
  port?: number;
  /** @default 127.0.0.1 */
  host?: string;
}

interface Served extends ApiCommandOptions {
  settings: Settings;
  temporal: Client;
  store: ContentStore;
  /** Where the store is. */
  storeUrl: string;
  taskQueue: string;
  note(line: string): void;
}

export async function apiCommand(context: CliContext, options: ApiCommandOptions): Promise<number> {
  const { settings, output } = context;
  const { temporal, taskQueue, address } = await context.connect();
  const place = { settings, temporal, store: context.openStore(), storeUrl: context.storeUrl(), taskQueue };
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  const server = await startApi({ ...place, ...options, note: (line) => output.note(line) }).catch((error: unknown) => {
    throw cannotListen(error, { port: '--port', host: '--host' }, options);
  });
  const { keys } = settings.api;
  output.json({ ready: true, pid: process.pid, url: server.url, address, keys: keys.map(({ name }) => name) });
  output.line(`api       ${apiLine(server, keys.length > 0)}`);
  output.line(`pages     ${server.url}/ui`);
  output.line(`temporal  ${address}`);
  await stopped;
  await server.close();
  return EXIT.completed;
}

/** What is asked for, beside where it is. */
export const apiLine = ({ url }: served.ApiServer, hasKeys: boolean): string =>
  `${url}/v1   ${hasKeys ? 'asks for a key of api.keys' : 'asks nobody, and answers to this machine alone'}`;

export async function startApi({ settings, storeUrl, note, ...given }: Served): Promise<served.ApiServer> {
  // A web framework, which no other command needs.
  const { serveApi } = require('../api/serve-api') as typeof served;
  const texts = openTextReader({ store: storeUrl, stateDir: settings.stateDir, keys: settings.keys });
  try {
    const server = await serveApi({
      ...{
        ...given,
        texts,
        keys: settings.api.keys,
        quotas: configuredQuotas(settings),
        curlOf: (request: RebuiltRequest) => curlOf(settings.providers, request),
        webhooks: settings.api.webhooks,
        tenant: settings.identity.tenant,
      },
      report: (error) => note(`api       ${errorLine(error)}`),
    });
    return {
      url: server.url,
      close: async () => {
        await server.close();
        await texts.close();
      },
    };
  } catch (error) {
    await texts.close();
    throw error;
  }
}

/** On another port where the usual one is taken, as the other servers of `dev`. */
export async function startDevApi(given: Omit<Served, 'port' | 'host'>): Promise<served.ApiServer> {
  return await startApi(given).catch((error: unknown) => {
    if (hasCode(error, 'EADDRINUSE')) return startApi({ ...given, port: 0 });
    throw error;
  });
}
