// Needs: the built command line (npm run build), a Temporal CLI, free ports. Worker processes with a role each, on a server without any
// other; how they drain; and what they tell a platform that keeps them.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startEmbeddedTemporal, type EmbeddedTemporal } from '../../infra/temporal/start-embedded';
import { SEARCH_ATTRIBUTES } from '../../workflows/contract/names';
import { freePort } from '../stack/free-port';
import { temporalCli } from '../stack/test-stack';
import { cli, scratchFolder, startCli, until, type RunningProcess } from './cli';

jest.setTimeout(180_000);

const project = scratchFolder();
const DRAIN_MS = 3_000;
let server: EmbeddedTemporal;
let env: { [name: string]: string };
beforeAll(async () => {
  const stateDir = path.join(project, '.temporal');
  mkdirSync(stateDir);
  // Not the default: a worker that outlives its server here would be ready for the next server that a test starts, and take its work.
  server = await startEmbeddedTemporal({
    ...{ stateDir, cliPath: await temporalCli(), preferredPort: await freePort() },
    searchAttributes: SEARCH_ATTRIBUTES,
  });
  env = { TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: server.namespace };
  writeFileSync(path.join(project, 'package.json'), '{"private":true}');
  expect((await cli(['init'], { cwd: project })).code).toBe(0);
  configure(`workers: { drain: ${DRAIN_MS} }`);
}, 120_000);
afterAll(() => server.stop());

function configure(settings: string): void {
  const text = `import { defineConfig } from 'longhaul';\nexport default defineConfig({ ${settings} });\n`;
  writeFileSync(path.join(project, 'longhaul.config.ts'), text);
}

interface TestWorker extends RunningProcess {
  url: string;
}

async function worker(args: readonly string[], own: { [name: string]: string } = {}): Promise<TestWorker> {
  const started = await startCli(['worker', '--json', '--metrics-port', '0', ...args], {
    cwd: project,
    env: { ...env, ...own },
  });
  const [, url = ''] = await started.saying(/"metricsUrl": "(http:[^"]+)\/metrics"/);
  return { ...started, url };
}
async function stopped(...workers: TestWorker[]): Promise<void> {
  for (const one of workers) one.kill('SIGTERM');
  for (const one of workers) expect((await one.ended).code).toBe(0);
}
const submit = async (id: string): Promise<void> =>
  expect(await cli(['submit', 'hello', '--id', id], { cwd: project, env })).toMatchObject({ code: 0 });
const tail = (id: string) => cli(['tail', id], { cwd: project, env });
const status = async (url: string): Promise<{ code: number; body: unknown }> => {
  const response = await fetch(url);
  return { code: response.status, body: await response.json() };
};
/** Of one metric with these labels; undefined where it is not told. */
async function metric(url: string, line: string): Promise<number | undefined> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = text.split('\n').find((one) => one.startsWith(`${line} `));
  return found === undefined ? undefined : Number(found.split(' ').at(-1));
}
const backlog = (url: string, of: 'tasks' | 'age_seconds') =>
  metric(url, `agent_task_queue_backlog_${of}{task_queue="agents",kind="calls"}`);

test('one process holds runs, another makes their calls: with both a run completes, without the second it waits and is told of', async () => {
  const holds = await worker(['--role', 'orchestrate']);
  await submit('roles-1');
  await until('a call that waits for somebody to make it', async () => (await backlog(holds.url, 'tasks')) === 1);
  await until('its age', async () => ((await backlog(holds.url, 'age_seconds')) ?? 0) > 0);
  expect(await metric(holds.url, 'agent_worker_slots_used{kind="steps"}')).toBe(0);
  // What it does not take it does not tell: by that WorkerAbsent knows.
  expect(await metric(holds.url, 'agent_worker_slots_used{kind="calls"}')).toBeUndefined();
  expect(await metric(holds.url, 'agent_worker_runs_held')).toBe(1);
  const calls = await worker(['--role', 'calls']);
  expect(await tail('roles-1')).toMatchObject({ code: 0, stdout: 'Hello, world!\n' });
  await until('an empty queue', async () => (await backlog(holds.url, 'tasks')) === 0);
  expect(await metric(calls.url, 'agent_worker_runs_held')).toBe(0);
  await stopped(holds, calls);
});

test('a call that ends within the drain is finished; the worker says meanwhile that it takes none', async () => {
  const holds = await worker(['--role', 'orchestrate']);
  const slow = await worker(['--role', 'calls'], { LONGHAUL_DEMO_DELAY_MS: '2000' });
  expect(await status(`${slow.url}/readyz`)).toEqual({ code: 200, body: { state: 'running' } });
  await submit('drains');
  await until('a call', async () => (await metric(slow.url, 'agent_worker_slots_used{kind="calls"}')) === 1);
  slow.kill('SIGTERM');
  await until('a worker that drains', async () => (await status(`${slow.url}/readyz`)).code === 503);
  expect(await status(`${slow.url}/healthz`)).toEqual({ code: 200, body: { state: 'draining' } });
  expect((await slow.ended).code).toBe(0);
  const quick = await worker(['--role', 'calls']);
  expect(await tail('drains')).toMatchObject({ code: 0 });
  const shown = await cli(['show', 'drains', '--json'], { cwd: project, env });
  expect(JSON.parse(shown.stdout)).toMatchObject({ totals: { modelCalls: 2 } });
  const trace = await cli(['trace', 'drains', '--json'], { cwd: project, env });
  expect(trace.stdout).not.toMatch(/"attempt": [2-9]/);
  await stopped(holds, quick);
});

test('a call that takes longer is handed to another worker at once, and not after it is missed', async () => {
  const holds = await worker(['--role', 'orchestrate']);
  const slow = await worker(['--role', 'calls'], { LONGHAUL_DEMO_DELAY_MS: '60000' });
  await submit('handed-over');
  await until('a call', async () => (await metric(slow.url, 'agent_worker_slots_used{kind="calls"}')) === 1);
  const quick = await worker(['--role', 'calls']);
  slow.kill('SIGTERM');
  expect((await slow.ended).code).toBe(0);
  expect(await tail('handed-over')).toMatchObject({ code: 0, stdout: 'Hello, world!\n' });
  const trace = await cli(['trace', 'handed-over', '--json'], { cwd: project, env });
  expect(trace.stdout).toMatch(/"attempt": 2/);
  await stopped(holds, quick);
});

test.each([
  [
    ['--role', 'calls', '--toolbox', 'x'],
    /^error {2}--role is of runs, and --toolbox serves none: give one of them\.\n$/,
  ],
  [['--role', 'nobody'], /^error {2}.*Allowed choices are orchestrate, calls\. /],
])('what does not go together is refused: %j', async (args, said) => {
  const told = await cli(['worker', ...args], { cwd: project, env });
  expect(told).toMatchObject({ code: 2, stdout: '' });
  expect(told.stderr).toMatch(said);
});

test('a worker that goes by what its machine has left takes work', async () => {
  configure('workers: { slots: { memory: 0.95, cpu: 0.95 } }');
  const one = await worker([]);
  await submit('by-machine');
  expect(await tail('by-machine')).toMatchObject({ code: 0, stdout: 'Hello, world!\n' });
  await stopped(one);
});

test('while Temporal does not answer a worker is alive and not ready, with the reason', async () => {
  const one = await worker([]);
  await server.stop();
  await until('a worker that is not ready', async () => (await status(`${one.url}/readyz`)).code === 503);
  expect(await status(`${one.url}/readyz`)).toMatchObject({
    code: 503,
    body: { problem: expect.any(String) as string },
  });
  expect((await status(`${one.url}/healthz`)).code).toBe(200);
  one.kill('SIGKILL');
  await one.ended;
});
