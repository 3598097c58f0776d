// Worker processes that share the quota of one model, a Temporal server that can be stopped and started again, and the model server, which
// says when requests arrived.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client, type WorkflowHandle } from '@temporalio/client';
import { openConnection } from '../../infra/temporal/open-connection';
import { keyNameOf } from '../../activities/gateway/quota/gateway-quota';
import { startEmbeddedTemporal, type EmbeddedTemporal } from '../../infra/temporal/start-embedded';
import { SEARCH_ATTRIBUTES, quotaId } from '../../workflows/contract/names';
import { startModelServerProcess, type ModelServerProcess, type ProcessOptions } from '../kit/model-server';
import { freePort } from './free-port';
import { QUOTA_KEY, QUOTA_ROUTE, QUOTA_TASK_QUEUE } from './quota-route';
import type { QuotaWorkerOptions } from './quota-worker';
import { temporalCli } from './test-stack';
import { startWorkerProcess, type WorkerProcess } from './worker-process';

export type FleetWorker = Pick<QuotaWorkerOptions, 'perSecond'> &
  Partial<Pick<QuotaWorkerOptions, 'askAgainMs' | 'isHeldBack'>> & {
    /** How wrong its clock of the day is, and by how much more after each SIGHUP. @default right */
    clock?: { aheadMs: number; jumpsMs?: number };
  };

export interface FleetProcess extends WorkerProcess {
  readonly identity: string;
}

export interface QuotaFleet {
  readonly model: ModelServerProcess;
  /** They are `worker-0`, `worker-1` and so on. */
  add(worker: FleetWorker): Promise<FleetProcess>;
  /** Requests at the model server, in their order. `worker`: who sent it. */
  arrivals(): Promise<{ at: number; isRefused: boolean; worker: string }[]>;
  /** Of the quota. */
  workflow(): WorkflowHandle;
  stopTemporal(): Promise<void>;
  /** With what it had, at the same address. */
  startTemporal(): Promise<void>;
  /** With its workers. */
  close(): Promise<void>;
}

export interface QuotaFleetOptions extends Pick<QuotaWorkerOptions, 'window' | 'reserve' | 'input' | 'outputCap'> {
  model: ProcessOptions;
}

export async function startQuotaFleet({ model: serve, ...offered }: QuotaFleetOptions): Promise<QuotaFleet> {
  const stateDir = mkdtempSync(path.join(tmpdir(), 'longhaul-quota-'));
  const cliPath = await temporalCli();
  // Not the default, which the server of another test would take while this one is stopped.
  const preferredPort = await freePort();
  const start = (): Promise<EmbeddedTemporal> =>
    startEmbeddedTemporal({ stateDir, cliPath, preferredPort, searchAttributes: SEARCH_ATTRIBUTES });
  let server = await start();
  const { address, namespace } = server;
  const model = await startModelServerProcess(serve);
  const connection = await openConnection({ address });
  const workflow = new Client({ connection, namespace }).workflow;
  const workers: WorkerProcess[] = [];
  let added = 0;
  return {
    model,
    async add({ clock, ...worker }) {
      const identity = `worker-${added}`;
      added += 1;
      const started = await startWorkerProcess<QuotaWorkerOptions>(
        path.join(__dirname, 'quota-worker.ts'),
        { address, namespace, identity, url: model.url, ...offered, ...worker },
        clock && {
          NODE_OPTIONS: `--require ${path.join(__dirname, 'shifted-clock.cjs')}`,
          CLOCK_AHEAD_MS: String(clock.aheadMs),
          CLOCK_JUMPS_MS: String(clock.jumpsMs ?? 0),
        },
      );
      workers.push(started);
      return { ...started, identity };
    },
    arrivals: async () =>
      (await model.requests())
        .filter(({ method }) => method === 'POST')
        .map(({ arrivedAt, status, body }) => ({
          ...{ at: arrivedAt, isRefused: status === 429 },
          worker: /worker-\d+/.exec(body ?? '')?.[0] ?? '',
        }))
        .sort((a, b) => a.at - b.at),
    workflow: () => workflow.getHandle(quotaId(QUOTA_TASK_QUEUE, QUOTA_ROUTE, keyNameOf(QUOTA_KEY))),
    stopTemporal: () => server.stop(),
    async startTemporal() {
      server = await start();
      if (server.address !== address) throw new Error(`another process has taken ${address}.`);
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
      await connection.close();
      await Promise.all([model.close(), server.stop()]);
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}
