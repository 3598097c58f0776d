// Agents that say what their model says, and workers for them that can be killed: everything around them is a process of its own.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from '@temporalio/client';
import { openConnection } from '../../infra/temporal/open-connection';
import { defineAgent } from '../../activities/define';
import type { LoadedAgent } from '../../activities/deps';
import type { ContentStore } from '../../activities/store';
import { openStore } from '../../activities/store/open-store';
import { openTextReader } from '../../activities/stream/open-streams';
import type { TextReader } from '../../activities/stream/port';
import { createAgentClient, type AgentClient } from '../../client/agent-client';
import { startEmbeddedTemporal } from '../../infra/temporal/start-embedded';
import { publishReleases } from '../../workers/publish-releases';
import { SEARCH_ATTRIBUTES } from '../../workflows/contract/names';
import { startModelServerProcess, type ModelServerProcess, type ProcessOptions } from '../kit/model-server';
import { freePort } from './free-port';
import { manifestFor } from './manifest-for';
import type { TellerWorkerOptions } from './teller-worker';
import { temporalCli } from './test-stack';
import { startWorkerProcess, type WorkerProcess } from './worker-process';

export const teller = defineAgent({ name: 'teller', instructions: 'Tell.' });
/** What it was told once it tells again. */
export const repeater = defineAgent({ name: 'repeater', instructions: 'Tell.', cache: true });
/** Its runs wait in the queue `line`, which a test publishes. */
export const queued = defineAgent({ name: 'queued', instructions: 'Tell.', queue: 'line' });
export const tellerReleases = (): LoadedAgent[] =>
  [teller, repeater, queued].map((one) => manifestFor(one, 'test/model'));

export interface TellerStack {
  readonly temporal: Client;
  readonly client: AgentClient;
  /** That of its workers, opened here too. */
  readonly store: ContentStore;
  readonly model: ModelServerProcess;
  readonly stateDir: string;
  /** Of what its workers show. */
  readonly reader: TextReader;
  startWorker(): Promise<WorkerProcess>;
  /** With the workers that are there. */
  close(): Promise<void>;
}

export interface TellerStackOptions {
  model: ProcessOptions;
  /** @default one of LMDB in the stack's own folder */
  storeUrl?: string;
  /** Where the spans of its workers go. @default nowhere */
  tracesUrl?: string;
}

export async function startTellerStack(options: TellerStackOptions): Promise<TellerStack> {
  const stateDir = mkdtempSync(path.join(tmpdir(), 'longhaul-teller-'));
  const cliPath = await temporalCli();
  const preferredPort = await freePort();
  const server = await startEmbeddedTemporal({ stateDir, cliPath, preferredPort, searchAttributes: SEARCH_ATTRIBUTES });
  const model = await startModelServerProcess(options.model);
  const storeUrl = options.storeUrl ?? `lmdb:${path.join(stateDir, 'store')}`;
  const store = openStore(storeUrl);
  await publishReleases(store, tellerReleases());
  const { address, namespace } = server;
  const temporal = new Client({ connection: await openConnection({ address }), namespace });
  const place = { store: storeUrl, stateDir };
  const reader = openTextReader(place);
  const client = createAgentClient({
    ...{ temporal, store, taskQueue: 'agents', tenant: 'acme', user: 'tester' },
    texts: openTextReader(place),
  });
  const workers = new Set<WorkerProcess>();
  return {
    ...{ temporal, client, store, model, stateDir, reader },
    startWorker: async () => {
      const worker = await startWorkerProcess<TellerWorkerOptions>(path.join(__dirname, 'teller-worker.ts'), {
        ...{ address, namespace, stateDir, storeUrl, modelUrl: model.url },
        ...(options.tracesUrl === undefined ? {} : { tracesUrl: options.tracesUrl }),
      });
      workers.add(worker);
      return worker;
    },
    close: async () => {
      await Promise.all([...workers].map((worker) => worker.end('SIGTERM')));
      await reader.close();
      await client.close();
      await Promise.all([model.close(), server.stop()]);
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}
