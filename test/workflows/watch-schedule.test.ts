// Needs a Temporal server (embedded, real) and the model server: the schedule of the watch, made by workers that start at once, changed by
// the next one, taken away by one that watches nobody; and what becomes of a look that no worker can do.
import { readFileSync } from 'node:fs';
import { Client } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import { defineAgent } from '../../activities/define';
import { keepWatch, keepWatchSchedule } from '../../workers/watch-schedule';
import { WORKFLOW_TYPES, controlQueue } from '../../workflows/contract/names';
import { agentWatchId } from '../../workflows/contract/watch';
import { script } from '../kit/model-server';
import { until } from '../stack/until';
import { useStack } from '../stack/use-stack';

const on = useStack({ script: script() }, { agents: [defineAgent({ name: 'seen', instructions: 'Look.' })] });
jest.setTimeout(240_000);

async function schedules(): Promise<string[]> {
  const found: string[] = [];
  for await (const { scheduleId } of on.stack.temporal.schedule.list()) found.push(scheduleId);
  return found;
}
const warnings = (): string[] =>
  readFileSync(on.stack.logFile, 'utf8')
    .split('\n')
    .filter((line) => line.includes('agents are not watched'));
const pace = async (taskQueue: string): Promise<unknown> => {
  const { spec } = await on.stack.temporal.schedule.getHandle(agentWatchId(taskQueue)).describe();
  return spec.intervals?.map(({ every }) => every);
};

test('workers that start at once make one, the next one changes its pace, and one that watches nobody takes it away', async () => {
  const { temporal } = on.stack;
  const keep = (everyMs?: number): Promise<void> =>
    keepWatchSchedule(temporal, 'many', everyMs === undefined ? undefined : { everyMs });
  await Promise.all(Array.from({ length: 20 }, () => keep(3_600_000)));
  await until(async () => (await schedules()).includes('watch/many'), 60_000);
  expect((await schedules()).filter((id) => id === 'watch/many')).toEqual(['watch/many']);
  expect(await pace('many')).toEqual([3_600_000]);
  await keep(1_800_000);
  expect(await pace('many')).toEqual([1_800_000]);
  await keep();
  await until(async () => !(await schedules()).includes('watch/many'), 60_000);
  await keep();
  expect(warnings()).toEqual([]);
});

test('a look that no worker can do is over some minutes later, and keeps no other waiting', async () => {
  const { temporal } = on.stack;
  await keepWatchSchedule(temporal, 'nobody', { everyMs: 1_000 });
  const query = `WorkflowType = '${WORKFLOW_TYPES.agentWatch}' AND TaskQueue = '${controlQueue('nobody')}'`;
  const begun: { id: string; runId: string }[] = [];
  await until(async () => {
    for await (const { workflowId, runId } of temporal.workflow.list({ query })) begun.push({ id: workflowId, runId });
    return begun.length > 0;
    // Of a server that is just up.
  }, 180_000);
  const [first] = begun;
  const { raw } = await temporal.workflow.getHandle(first?.id ?? '').describe();
  expect(Number(raw.executionConfig?.workflowRunTimeout?.seconds ?? 0)).toBe(600);
  await keepWatchSchedule(temporal, 'nobody', undefined);
});

test('a server that refuses it at first is asked again, until it takes it', async () => {
  const { connection } = on.stack.temporal;
  const temporal = new Client({ connection, namespace: 'later' });
  const over = new AbortController();
  const kept = keepWatch(temporal, 'later', { everyMs: 3_600_000 }, over.signal);
  await until(async () => Promise.resolve(warnings().length > 0), 60_000);
  const workflowExecutionRetentionPeriod = msToTs('1 day');
  await connection.workflowService.registerNamespace({ namespace: 'later', workflowExecutionRetentionPeriod });
  await kept;
  expect((await temporal.schedule.getHandle(agentWatchId('later')).describe()).spec.intervals).toHaveLength(1);

  // One that is told to stop asks no more.
  const nowhere = keepWatch(new Client({ connection, namespace: 'never' }), 'never', undefined, over.signal);
  over.abort();
  await nowhere;
});
