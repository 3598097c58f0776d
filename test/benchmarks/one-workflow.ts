// How many signals a second one workflow takes: what a shard of a queue, a quota or a session can be told at most, wherever its workers are.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { startEmbeddedTemporal } from '../../infra/temporal/start-embedded';
import { SEARCH_ATTRIBUTES } from '../../workflows/contract/names';
import type { TestTemporal } from '../stack/temporal-on-postgres';
import { temporalCli } from '../stack/test-stack';
import { startWorkerProcess } from '../stack/worker-process';
import type { ManyRunsWorkerOptions } from './many-runs-worker';

const AT_ONCE = 50;

/** @param startServer @default the embedded one */
export async function signalsPerSecond(signals: number, startServer?: () => Promise<TestTemporal>): Promise<number> {
  const stateDir = mkdtempSync(path.join(tmpdir(), 'longhaul-one-workflow-'));
  const server = await (startServer?.() ??
    startEmbeddedTemporal({ stateDir, cliPath: await temporalCli(), searchAttributes: SEARCH_ATTRIBUTES }));
  const { address, namespace } = server;
  const connection = await Connection.connect({ address });
  const worker = await startWorkerProcess<ManyRunsWorkerOptions>(path.join(__dirname, 'many-runs-worker.ts'), {
    ...{ address, namespace, modelMs: 0, calls: 1 },
  });
  try {
    return await measured(new Client({ connection, namespace }), signals);
  } finally {
    await worker.end('SIGTERM');
    await connection.close();
    await server.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

async function measured({ workflow }: Client, signals: number): Promise<number> {
  const handle = await workflow.start('bareSignals', { taskQueue: 'bare', workflowId: 'one', args: [signals] });
  let left = signals;
  const from = Date.now();
  const tell = async (): Promise<void> => {
    for (; left > 0;) {
      left -= 1;
      await handle.signal('told');
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, tell));
  const told: unknown = await handle.result();
  if (told !== signals) throw new Error(`${signals} signals were sent, and ${String(told)} were heard.`);
  return (signals * 1_000) / (Date.now() - from);
}
