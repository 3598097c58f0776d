// What a benchmark's figures were taken on.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { temporalCli } from '../stack/test-stack';

export const machine = (): string =>
  `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${process.platform} ${process.arch}; Node ${process.version}`;

/** Of Temporal's parts that push a cancel. */
export async function temporalVersions(): Promise<string> {
  const server = execFileSync(await temporalCli(), ['--version'], { encoding: 'utf8' }).trim();
  const sdk = readFileSync(require.resolve('@temporalio/worker/package.json'), 'utf8');
  return `${server}; SDK ${/"version": "([^"]+)"/.exec(sdk)?.[1] ?? 'unknown'}`;
}
