// Needs a Temporal CLI, which an embedded server is started from. A quota's workflow ended and gone on as new, on a real server; what
// Temporal's queues are told of a run; and what `longhaul quota` shows.
import { WorkflowNotFoundError } from '@temporalio/client';
import { quotaCommand } from '../../client/cli/commands/quota';
import { createContext } from '../../client/cli/context';
import { createOutput } from '../../client/cli/output';
import { loadSettings } from '../../workers/config';
import { QUERY_NAMES } from '../../workflows/contract/names';
import type { LedgerState } from '../../workflows/contract/quota';
import { keptStream, testProject } from '../cli/given';
import { mostWithin } from '../stack/arrivals';
import { useLimitedGreeter } from '../stack/limited-greeter';

jest.setTimeout(180_000);

const MOST = 6;
// The server asks for it after so few events, so that it comes among requests.
const used = useLimitedGreeter(MOST, { dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': 40 } });
const { quota, perMs, workflow } = used;

const completed = (count: number): string[] => Array.from({ length: count }, () => 'completed');
const most = (): number => mostWithin(used.arrivals(), perMs);
/** So many more have arrived. */
const untilMore = (count: number): Promise<unknown> => {
  const { requests } = used.model.counts();
  return used.model.until((counts) => counts.requests >= requests + count);
};

test('the quota goes on as new amid requests, and forgets nothing', async () => {
  expect(await used.runAll(20)).toEqual(completed(20));
  const { events = [] } = await workflow().fetchHistory();
  expect(events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId).toBeTruthy();
  expect(most()).toBeLessThanOrEqual(MOST);
});

test('terminated amid requests it is begun again, with what the one before it knew', async () => {
  const runs = used.runAll(10);
  await untilMore(MOST - 1);
  // Of one that has just gone on as new nobody could ask it afterwards.
  const known = await workflow().query<LedgerState>(QUERY_NAMES.ledger);
  await workflow().terminate('by hand');
  expect(await runs).toEqual(completed(10));
  const { status, runId } = await workflow().describe();
  expect(status.name).toBe('RUNNING');
  expect(most()).toBeLessThanOrEqual(MOST);
  expect(known.begunAt).toBeDefined();
  expect(await workflow().query<LedgerState>(QUERY_NAMES.ledger)).toMatchObject({ begunAt: known.begunAt });
  expect(runId).toBeTruthy();
});

test('deleted with all its history amid requests: whoever had asked it says so, and what it knew counts as spent', async () => {
  const { temporal, server } = used.stack;
  const runs = used.runAll(10);
  await untilMore(MOST - 1);
  const { runId } = await workflow().describe();
  const workflowExecution = { workflowId: workflow().workflowId, runId };
  await temporal.workflowService.deleteWorkflowExecution({ namespace: server.namespace, workflowExecution });
  expect(await runs).toEqual(completed(10));
  expect((await workflow().describe()).runId).not.toBe(runId);
  await expect(temporal.workflow.getHandle(workflowExecution.workflowId, runId).describe()).rejects.toBeInstanceOf(
    WorkflowNotFoundError,
  );
  expect(most()).toBeLessThanOrEqual(MOST);
});

test('Temporal’s own queues are told how urgent a run is, and whose', async () => {
  const { temporal } = used.stack;
  const agent = used.agent();
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
      { route: 'test/model', view: { limits: [{ of: 'requests', perMs, most: MOST }] } },
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
