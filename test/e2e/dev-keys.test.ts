// Needs: the built command line (npm run build), a Temporal CLI, free ports. `longhaul dev` with keys: what a run leaves with Temporal is
// sealed, and the line that dev prints shows it.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { temporalCli } from '../stack/test-stack';
import { cli, runId, scratchFolder, startCli, temporalPid, type RunningProcess } from './cli';

const project = scratchFolder();
const env = { LONGHAUL_KEYS: `mine:${randomBytes(32).toString('base64')}` };
let dev: RunningProcess;

beforeAll(async () => {
  writeFileSync(path.join(project, 'package.json'), '{"private":true}');
  expect((await cli(['init'], { cwd: project })).code).toBe(0);
  dev = await startCli(['dev', '--metrics-port', '0'], { cwd: project, env });
  await dev.saying(/^ready /m);
}, 60_000);
afterAll(async () => {
  dev.kill('SIGTERM');
  await dev.ended;
});

const said = (pattern: RegExp): string => {
  const [, found] = pattern.exec(dev.stdout()) ?? [];
  if (found === undefined) throw new Error(`dev said nothing like ${String(pattern)}:\n${dev.stdout()}`);
  return found;
};
const codec = (): string =>
  said(/^codec {5}temporal workflow show -w RUN --codec-endpoint (http:\/\/127\.0\.0\.1:\d+)$/m);
const decoded = (json: string): string =>
  json.replace(/"([A-Za-z0-9+/]{2,}={0,2})"/g, (_, text: string) => Buffer.from(text, 'base64').toString());

test('Temporal holds sealed payloads; its command line shows them through the codec server', async () => {
  const run = await cli(['run', 'hello', '--input', '{"name":"Ladislaus"}'], { cwd: project, env });
  expect(run).toMatchObject({ code: 0, stdout: 'Hello, Ladislaus!\n' });
  const address = said(/^temporal {2}(127\.0\.0\.1:\d+), /m);
  const show = async (...args: string[]): Promise<string> => {
    const all = ['workflow', 'show', '-w', runId(run.stderr), '--output', 'json', '--address', address, ...args];
    return decoded((await promisify(execFile)(await temporalCli(), all, { maxBuffer: 1 << 26 })).stdout);
  };
  expect(await show()).not.toContain('Ladislaus');
  expect(await show('--codec-endpoint', codec())).toContain('Ladislaus');
});

test('a command without the keys, or with another of the same id, is told which one it lacks', async () => {
  const run = await cli(['run', 'hello'], { cwd: project, env });
  for (const LONGHAUL_KEYS of ['', `mine:${randomBytes(32).toString('base64')}`]) {
    const shown = await cli(['show', runId(run.stderr)], { cwd: project, env: { LONGHAUL_KEYS } });
    expect(shown.code).not.toBe(0);
    expect(shown.stderr).toContain('"mine"');
  }
});

test('the Web UI knows the codec server, which lets its pages read and no others', async () => {
  const ui = said(/^web UI {4}(http:\S+)$/m);
  const settings: unknown = await (await fetch(`${ui}/api/v1/settings`)).json();
  expect(settings).toMatchObject({ Codec: { Endpoint: codec() } });
  const ask = (origin: string): Promise<Response> =>
    fetch(`${codec()}/decode`, { method: 'OPTIONS', headers: { origin } });
  expect((await ask(ui)).headers.get('access-control-allow-origin')).toBe(ui);
  expect((await ask('http://localhost:1')).status).toBe(403);
});

// Where the system shows what a process was started with.
(existsSync('/proc/self/environ') ? test : test.skip)('the process of the server was handed no keys', () => {
  const handed = readFileSync(`/proc/${temporalPid(project)}/environ`, 'utf8');
  expect(handed).toContain('PATH=');
  expect(handed).not.toMatch(/LONGHAUL_/);
});
