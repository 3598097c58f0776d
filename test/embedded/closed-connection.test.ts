// Needs a Temporal CLI (a real server is started and stopped). A connection that is closed while the SDK is retrying on it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { connectTemporal } from '../../infra/temporal/connect';
import { startEmbeddedTemporal } from '../../infra/temporal/start-embedded';
import { freePort } from '../stack/free-port';
import { temporalCli } from '../stack/test-stack';

let stateDir: string;
beforeAll(() => (stateDir = mkdtempSync(path.join(tmpdir(), 'longhaul-closed-'))));
afterAll(() => rmSync(stateDir, { recursive: true, force: true }));

test('its calls are answered, and nothing is thrown that nobody could catch', async () => {
  const { address, namespace, stop } = await startEmbeddedTemporal({
    ...{ stateDir, cliPath: await temporalCli(), preferredPort: await freePort() },
  });
  const connection = await connectTemporal({ kind: 'external', connectionOptions: { address }, namespace });
  await stop();
  const thrown: unknown[] = [];
  const note = (error: unknown): void => void thrown.push(error);
  process.on('uncaughtException', note);
  try {
    const calls = Array.from({ length: 20 }, () => connection.workflowService.describeNamespace({ namespace }));
    const answers = Promise.allSettled(calls);
    // Whether they are being made or wait for their next attempt.
    await setImmediate();
    await connection.close();
    expect((await answers).map(({ status }) => status)).toEqual(calls.map(() => 'rejected'));
    expect(thrown).toEqual([]);
  } finally {
    process.off('uncaughtException', note);
  }
}, 60_000);
