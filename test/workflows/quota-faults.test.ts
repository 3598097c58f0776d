// Needs a Temporal CLI, which an embedded server is started from. A quota's workflow ended and gone on as new, on a real server; what
// Temporal's queues are told of a run; and what `longhaul quota` shows.
import { defineAgent } from '../../activities/define';
import { keyNameOf, type QuotaSettings } from '../../activities/gateway/quota/gateway-quota';
import { quotaCommand } from '../../client/cli/commands/quota';
import { createContext } from '../../client/cli/context';
import { createOutput } from '../../client/cli/output';
import { loadSettings } from '../../workers/config';
import { quotaId } from '../../workflows/contract/names';
import { keptStream, testProject } from '../cli/given';
import { script } from '../kit';
import { useStack } from '../stack/use-stack';

jest.setTimeout(180_000);

const PER_MS = 4_000;
const MOST = 6;
const quota: QuotaSettings = {
  limits: { windows: [{ of: 'requests', perMs: PER_MS, most: MOST }] },
  reserve: { kind: 'learned', quantile: 0.95 },
  patienceMs: 120_000,
  weights: {},
  key: keyNameOf('TEST_API_KEY'),
};
const greeter = defineAgent({ name: 'greeter', model: 'test/model', instructions: 'Greet.' });
// The server asks for it after so few events, so that it comes among requests.
const dynamicConfig = { 'limit.historyCount.suggestContinueAsNew': 40 };
const used = useStack({ script: script().answer('Hello.') }, { agents: [greeter], quota, dynamicConfig });

const workflow = () => used.stack.temporal.workflow.getHandle(quotaId('agents', 'test/model', quota.key));

async function runAll(count: number): Promise<string[]> {
  const { client } = used.stack;
  const runs = await Promise.all(
    Array.from({ length: count }, (_, nth) => client.agent<typeof greeter>('greeter').start(`hello ${nth}`)),
  );
  return (await Promise.all(runs.map((run) => run.result()))).map(({ outcome }) => outcome);
}

/** The most within any window of that length. */
function most(): number {
  const times = used.model.requests().map(({ arrivedAt }) => arrivedAt);
  const sorted = [...times].sort((a, b) => a - b);
  return Math.max(...sorted.map((at, nth) => nth + 1 - sorted.findIndex((one) => one > at - PER_MS)));
}

test('the quota goes on as new amid requests, and forgets nothing', async () => {
  expect(await runAll(20)).toEqual(Array.from({ length: 20 }, () => 'completed'));
  const { runId } = await workflow().describe();
  const { events = [] } = await workflow().fetchHistory();
  expect(events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId).toBeTruthy();
  expect(runId).toBeTruthy();
  expect(most()).toBeLessThanOrEqual(MOST);
});

test('terminated amid requests it is begun again, with what it has forgotten counted as spent', async () => {
  const runs = runAll(10);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await workflow().terminate('by hand');
  expect(await runs).toEqual(Array.from({ length: 10 }, () => 'completed'));
  expect((await workflow().describe()).status.name).toBe('RUNNING');
  expect(most()).toBeLessThanOrEqual(MOST);
});

test('Temporal’s own queues are told how urgent a run is, and whose', async () => {
  const { client, temporal } = used.stack;
  const agent = client.agent<typeof greeter>('greeter');
  for (const [priority, priorityKey] of [
    ['high', 2],
    ['low', 4],
    [undefined, 3],
  ] as const) {
    const run = await agent.start('hello', { tenant: 'globex', ...(priority ? { priority } : {}) });
    const { raw } = await temporal.workflow.getHandle(run.id).describe();
    expect(raw.workflowExecutionInfo?.priority).toMatchObject({ priorityKey, fairnessKey: 'globex' });
    await run.result();
  }
});

/** What the command prints. */
async function shown(json: boolean): Promise<string> {
  const project = testProject();
  const { server } = used.stack;
  const env = { TEMPORAL_CONFIG_FILE: '', TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: server.namespace };
  const [stdout, stderr] = [keptStream(), keptStream()];
  const settings = { ...(await loadSettings({ cwd: project.dir, env })), taskQueue: 'agents' };
  const output = createOutput({ stdout, stderr, json, env: {} });
  const quotas = { 'test/model': quota, 'test/other': quota };
  const context = createContext({ settings: { ...settings, quotas }, output, env, cwd: project.dir });
  try {
    expect(await quotaCommand(context)).toBe(0);
    return stdout.text();
  } finally {
    await context.close();
    project.remove();
  }
}

test('`longhaul quota` shows the limit, what of it is used, and as JSON the same', async () => {
  expect(JSON.parse(await shown(true))).toMatchObject({
    quotas: [
      { route: 'test/model', view: { limits: [{ of: 'requests', perMs: PER_MS, most: MOST }] } },
      { route: 'test/other', view: null },
    ],
  });
  const text = await shown(false);
  expect(text).toMatch(/test\/model +requests in 4000 ms +6 +\d+ +\d+/);
  expect(text).toMatch(/test\/other +not asked yet/);
});

test('without a worker `longhaul quota` says so, and what to do', async () => {
  await used.stack.stopWorker();
  await expect(shown(false)).rejects.toMatchObject({
    code: 'no-worker',
    message: 'no worker answered for the quota of test/model. Start one: "longhaul dev" or "longhaul worker".',
  });
});
