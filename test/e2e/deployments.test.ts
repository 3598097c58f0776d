// Needs: the built command line (npm run build), a Temporal CLI, free ports. Two builds of a deployment side by side on one server: who begins
// and ends where, what drains, what is left without workers and how it goes on, and what a deploy step refuses.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { unroutedNow, type Unrouted } from '../../client/deployments';
import { startEmbeddedTemporal, type EmbeddedTemporal } from '../../infra/temporal/start-embedded';
import { DEFAULT_TASK_QUEUE, SEARCH_ATTRIBUTES, sessionWorkflowId } from '../../workflows/contract/names';
import { freePort } from '../stack/free-port';
import { temporalCli } from '../stack/test-stack';
import { cli, scratchFolder, startCli, until, type Ended, type RunningProcess } from './cli';

jest.setTimeout(300_000);

/** In seconds: whether runs are left on a build that drains is looked at every three minutes otherwise. */
const LOOKS_SOON = {
  'matching.wv.VersionDrainageStatusVisibilityGracePeriod': 2,
  'matching.wv.VersionDrainageStatusRefreshInterval': 2,
};
/** How builds stand is asked for every half minute. */
const LOOKED_MS = 90_000;
const DRAINED_MS = 60_000;
const project = scratchFolder();
/** As `hello`, with a tool that is called in a process of its own. */
const BOXED = `
import { defineAgent, defineTool, defineToolbox } from 'longhaul';
import { z } from 'zod';
export const greet = defineTool({
  name: 'greet', toolbox: defineToolbox({ name: 'box' }), description: 'Greets someone by name.',
  input: z.object({ name: z.string() }), output: z.object({ greeting: z.string() }),
  effect: 'read', run: ({ name }) => ({ greeting: 'Hello, ' + name + '!' }),
});
export const boxed = defineAgent({
  name: 'boxed', instructions: 'Call \`greet\` once with the name from the input, and answer with its greeting.',
  input: z.object({ name: z.string().default('world') }), tools: [greet],
});`;
let server: EmbeddedTemporal;
let temporal: Client;
let env: { [name: string]: string };
beforeAll(async () => {
  const stateDir = path.join(project, '.temporal');
  mkdirSync(stateDir);
  server = await startEmbeddedTemporal({
    ...{ stateDir, cliPath: await temporalCli(), preferredPort: await freePort() },
    searchAttributes: SEARCH_ATTRIBUTES,
    dynamicConfig: LOOKS_SOON,
  });
  env = { TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: server.namespace };
  writeFileSync(path.join(project, 'package.json'), '{"private":true}');
  expect((await cli(['init'], { cwd: project })).code).toBe(0);
  const chat = path.join(project, 'agents', 'chat');
  mkdirSync(chat);
  writeFileSync(
    path.join(chat, 'agent.ts'),
    `import { defineAgent } from 'longhaul';\nexport const chat = defineAgent({ name: 'chat', instructions: 'Answer.', mode: 'session' });\n`,
  );
  const boxed = path.join(project, 'agents', 'boxed');
  mkdirSync(boxed);
  writeFileSync(path.join(boxed, 'agent.ts'), BOXED);
  temporal = new Client({ connection: await Connection.connect({ address: server.address }) });
}, 120_000);
afterAll(async () => {
  await temporal.connection.close();
  await server.stop();
});

const longhaul = (...args: string[]): Promise<Ended> => cli(args, { cwd: project, env });
const json = async (...args: string[]): Promise<unknown> => JSON.parse((await longhaul(...args, '--json')).stdout);

interface TestWorker extends RunningProcess {
  metrics: string;
}
async function worker(build: string): Promise<TestWorker> {
  const args = ['worker', '--metrics-port', '0', '--deployment', 'shop', '--build-id', build];
  const started = await startCli(args, { cwd: project, env });
  const [, metrics = ''] = await started.saying(/^metrics +(http:\S+), and/m);
  return { ...started, metrics };
}
async function stopped(one: TestWorker): Promise<void> {
  one.kill('SIGTERM');
  expect((await one.ended).code).toBe(0);
}
const buildOf = async (workflowId: string): Promise<string | undefined> => {
  const { raw } = await temporal.workflow.getHandle(workflowId).describe();
  const { versioningOverride, deploymentVersion } = raw.workflowExecutionInfo?.versioningInfo ?? {};
  return (versioningOverride?.pinned?.version ?? deploymentVersion)?.buildId ?? undefined;
};
const begun = (id: string) => longhaul('submit', 'hello', '--id', id);

/** What a start asks to know whether its run waits, and how often it asks. */
async function askedOfServer(): Promise<{ unrouted: Unrouted | undefined; times: number }> {
  let times = 0;
  const { connection, options } = temporal;
  const workflowService = new Proxy(connection.workflowService, {
    get: (of, name) => {
      times += 1;
      return Reflect.get(of, name) as unknown;
    },
  });
  const counted = { options, connection: { workflowService } } as Client;
  return { unrouted: await unroutedNow({ temporal: counted, taskQueue: DEFAULT_TASK_QUEUE }), times };
}

test('two builds: none takes runs before it is made current; runs end where they began; what is left alone is found, and moved', async () => {
  const old = await worker('1.0');
  await old.saying(/it takes no new runs yet; to let them begin here: longhaul deploy set-current shop 1\.0/);

  // Without a deploy step a start waits, which it says, and what ends that.
  const first = await begun('first');
  expect(first).toMatchObject({ code: 0, stdout: 'first\n' });
  expect(first.stderr).toMatch(/it waits: .*none of its builds is current\. longhaul deploy set-current shop 1\.0/);
  const sick = await longhaul('doctor');
  expect(sick.code).toBe(1);
  expect(sick.stdout).toMatch(/✗ deployment +new runs wait: .*\n +→ longhaul deploy set-current shop 1\.0\n/);
  // Another that is not to end by itself: it is told to pause before anybody takes it.
  await begun('pinned');
  expect(await longhaul('pause', 'pinned')).toMatchObject({ code: 0 });
  for (const id of ['first', 'pinned']) expect(await buildOf(id)).toBeUndefined();
  expect(await longhaul('deploy', 'set-current', 'shop', '9.9')).toMatchObject({
    code: 2,
    stdout: '',
    stderr: 'error  no worker of deployment shop has named build "9.9" (there: 1.0).\n',
  });
  expect((await longhaul('deploy', 'set-current', 'other', '1.0')).stderr).toMatch(
    /^error {2}there is no deployment "other" here/,
  );
  expect(await longhaul('deploy', 'set-current', 'shop', '1.0')).toMatchObject({
    code: 0,
    stdout: 'current  shop: new runs begin on build 1.0 from now on\n',
  });
  expect(await longhaul('tail', 'first')).toMatchObject({ code: 0, stdout: 'Hello, world!\n' });
  expect(await buildOf('first')).toBe('1.0');
  expect((await longhaul('doctor')).stdout).toMatch(/✓ deployment +shop: build 1\.0 is current\n/);
  expect(await askedOfServer()).toEqual({ unrouted: undefined, times: 1 });

  // And a session, which is older than any build.
  expect(await longhaul('session', 'send', 'talk', 'one', '--agent', 'chat')).toMatchObject({ code: 0 });
  expect(await buildOf(sessionWorkflowId('talk'))).toBe('1.0');

  // Temporal's index is a moment behind.
  await until('a run that is seen on its build', async () => JSON.stringify(await json('deploy')).includes('"runs":1'));

  const young = await worker('2.0');
  await young.saying(
    /new runs begin on build 1\.0 of shop; to let them begin here: longhaul deploy set-current shop 2\.0/,
  );
  const made = await longhaul('deploy', 'set-current', 'shop', '2.0');
  expect(made).toMatchObject({
    code: 0,
    stdout: 'current  shop: new runs begin on build 2.0, and not on 1.0 from now on\n',
  });
  expect(made.stderr).toMatch(/drains {3}1 run of build 1\.0 ends there: keep its workers/);
  await begun('second');
  expect(await longhaul('tail', 'second')).toMatchObject({ code: 0, stdout: 'Hello, world!\n' });
  expect(await buildOf('second')).toBe('2.0');
  // A toolbox belongs to no build, and serves the runs of each.
  expect(await longhaul('submit', 'boxed', '--id', 'boxed-1')).toMatchObject({ code: 0 });
  expect(await longhaul('tail', 'boxed-1')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Hello, world!') as string,
  });
  expect(await buildOf('boxed-1')).toBe('2.0');
  expect(await longhaul('session', 'send', 'talk', 'two', '--agent', 'chat')).toMatchObject({ code: 0 });
  expect(await buildOf(sessionWorkflowId('talk'))).toBe('2.0');
  expect(await buildOf('pinned')).toBe('1.0');
  await until('a build that drains', async () =>
    JSON.stringify(await json('deploy')).includes('"build":"1.0","state":"draining"'),
  );
  expect(await json('deploy')).toMatchObject({
    stranded: [],
    unrouted: null,
    deployments: [
      {
        current: '2.0',
        builds: [
          { build: '2.0', state: 'current', runs: 0, workers: { steps: 1, calls: 1, control: 1 } },
          { build: '1.0', state: 'draining', runs: 1, workers: { steps: 1, calls: 1, control: 1 } },
        ],
      },
    ],
  });

  // Its workers go, and a run is left.
  await stopped(old);
  await until('a build without workers', async () => JSON.stringify(await json('deploy')).includes('"stranded":[{'));
  expect(await json('deploy')).toMatchObject({ stranded: [{ deployment: 'shop', build: '1.0', runs: 1, to: '2.0' }] });
  await until(
    'a metric that says so',
    async () => {
      const text = await (await fetch(young.metrics)).text();
      return (
        text.includes('agent_deployment_runs_open{deployment="shop",build="1.0"} 1\n') &&
        text.includes('agent_deployment_workers{deployment="shop",build="1.0"} 0\n') &&
        text.includes('agent_deployment_workers{deployment="shop",build="2.0"} 1\n') &&
        text.includes('agent_deployment_takes_new_runs{deployment="shop"} 1\n')
      );
    },
    LOOKED_MS,
  );
  expect(await longhaul('deploy', 'set-current', 'shop', '1.0')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /^error {2}no worker of build 1\.0 decides for its runs, .* longhaul worker --deployment shop --build-id 1\.0\n$/,
    ) as string,
  });
  expect(await longhaul('deploy', 'move', 'pinned', '--to', '1.0')).toMatchObject({ code: 1, stdout: '' });
  const told = (await longhaul('doctor')).stdout;
  const [, command = ''] =
    /✗ deployment +1 run of build 1\.0 of shop waits: .*\n +→ longhaul (.*), or start/.exec(told) ?? [];
  expect(command).toBe('deploy move --all-of 1.0 --to 2.0 --deployment shop');
  const moved = await longhaul(...command.split(' '));
  expect(moved).toMatchObject({
    code: 0,
    stdout: 'moved    1 run to build 2.0, each replayed on its code before\n',
    stderr: '',
  });
  await until('a run that goes on', async () => (await longhaul('resume', 'pinned')).code === 0);
  expect(await longhaul('tail', 'pinned')).toMatchObject({ code: 0, stdout: 'Hello, world!\n' });
  expect(await buildOf('pinned')).toBe('2.0');
  expect((await longhaul(...command.split(' '))).stderr).toMatch(
    /^error {2}no run is pinned to build 1\.0 of deployment shop\.\n$/,
  );

  // Nothing is left on it.
  await until(
    'a build that has drained',
    async () => JSON.stringify(await json('deploy')).includes('"build":"1.0","state":"drained"'),
    DRAINED_MS,
  );
  expect((await longhaul('deploy')).stdout).toMatch(/1\.0 +drained/);
  expect((await longhaul('doctor')).stdout).toMatch(/✓ deployment +shop: build 2\.0 is current\n/);

  // What was done on either is done again, with no call made.
  const replayed = await longhaul('replay', '--sample', '50');
  expect(replayed).toMatchObject({ code: 0 });
  expect(replayed.stdout).toMatch(/^(\d+) of \1 histories replay on this code \(\d+ are of what is open\)\n$/);
  expect(await json('replay', '--agent', 'hello', '--since', '1h')).toMatchObject({
    sampled: 3,
    open: 0,
    replayed: 3,
    differing: [],
  });
  expect(await json('replay', '--agent', 'nobody')).toMatchObject({ sampled: 0 });
  await stopped(young);
});

test.each([
  [['--build-id', 'x'], /--build-id is of a deployment/],
  [['--deployment', 'a.b'], /a deployment is named by/],
  [['--deployment', 'shop', '--build-id', 'a:b'], /a build id has/],
  [['--deployment', 'shop', '--toolbox', 'x'], /--toolbox takes no --deployment/],
])('what does not go together is refused: %j', async (args, said) => {
  const told = await longhaul('worker', ...args);
  expect(told).toMatchObject({ code: 2, stdout: '' });
  expect(told.stderr).toMatch(said);
});

test.each([
  [['deploy', 'move', '--to', 'x'], /name one run, or all of a build/],
  [['deploy', 'move', 'run_1', '--all-of', 'y', '--to', 'x'], /name one run, or all of a build/],
  [
    ['deploy', 'move', '--all-of', 'y', '--to', 'x', '--deployment', 'none'],
    /there is no build "x" of deployment none/,
  ],
  [['deploy', '--of', 'none'], /there is no deployment "none" here/],
])('%j is refused in one line', async (args, said) => {
  const told = await longhaul(...args);
  expect(told).toMatchObject({ code: 2, stdout: '' });
  expect(told.stderr).toMatch(said);
  expect(told.stderr.trimEnd()).not.toContain('\n');
});
