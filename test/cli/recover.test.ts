// Needs a Temporal server (embedded, real). What a start finds of runs that others left: ended from outside, orphaned, or at work elsewhere.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { msToTs } from '@temporalio/common/lib/time';
import { defineAgent } from '../../activities/define';
import { openRunName, runRecordName } from '../../activities/store/ref-names';
import { ownIdentity } from '../../infra/temporal/process-identity';
import { recoverRuns } from '../../workers/recover-runs';
import { runRecordSchema } from '../../workflows/contract/schemas/run-record';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';

const agent = defineAgent({ name: 'plain', instructions: 'Answer.' });

let model: ModelServer;
let stack: TestStack;
beforeAll(async () => {
  model = await startModelServer({ script: script().answer('hello') });
  stack = await startTestStack({ agents: [agent], modelUrl: model.url });
  await stack.stopWorker();
});
afterAll(async () => {
  await stack.close();
  await model.close();
});

const start = (id: string) => stack.client.agent<typeof agent>('plain').start(`Hello ${id}?`, { id });
const recover = async (alone: boolean): Promise<string[]> => {
  const { temporal, server, store } = stack;
  const found = await recoverRuns({ temporal, namespace: server.namespace, store, alone });
  return found.map(({ record }) => record.id);
};
const recordOf = async (id: string) => runRecordSchema.parse((await stack.store.readRef(runRecordName(id)))?.value);
const endedAs = async (id: string) => (await recordOf(id)).ended;
/** Of the call that it has under way. */
const attemptOf = async (id: string) => (await stack.client.run(id).describe()).raw.pendingActivities?.[0]?.attempt;

/** As Temporal's protocol numbers them. */
const SCHEDULE_ACTIVITY_TASK = 1;
const START_CHILD_WORKFLOW_EXECUTION = 11;
type Command = NonNullable<Parameters<WorkflowService['respondWorkflowTaskCompleted']>[0]['commands']>[number];
type WorkflowService = TestStack['temporal']['workflowService'];

const soon = <T>(poll: () => Promise<T>): Promise<T> =>
  stack.temporal.connection.withDeadline(Date.now() + 20_000, poll);
const queueOf = (identity: string) => ({
  ...{ namespace: stack.server.namespace, identity },
  taskQueue: { name: 'agents' },
});

/** Takes workflow tasks as a worker of that identity would, until one is of this run, and answers that with a command. */
async function decideAs(identity: string, id: string, command: Command): Promise<void> {
  const { workflowService } = stack.temporal;
  for (let isOfRun = false; !isOfRun;) {
    const task = await soon(() => workflowService.pollWorkflowTaskQueue(queueOf(identity)));
    isOfRun = task.workflowExecution?.workflowId === id;
    await workflowService.respondWorkflowTaskCompleted({
      ...{ taskToken: task.taskToken, identity, namespace: stack.server.namespace },
      commands: isOfRun ? [command] : [],
    });
  }
}

/** Asks for a call, which stays under way. */
async function advanceAs(identity: string, id: string, name = 'callModel'): Promise<void> {
  await decideAs(identity, id, {
    commandType: SCHEDULE_ACTIVITY_TASK,
    scheduleActivityTaskCommandAttributes: {
      ...{ activityId: randomUUID(), activityType: { name } },
      taskQueue: { name: 'agents' },
      startToCloseTimeout: msToTs('10m'),
    },
  });
  await soon(() => stack.temporal.workflowService.pollActivityTaskQueue(queueOf(identity)));
}

const BOOT = ownIdentity().startTime.split(' ')[0];
const NOTHING_DONE = {
  ...{ at: 1, outcome: 'completed' as const, head: null, length: 0, firstRunId: 'first' },
  totals: {
    ...{ turns: 0, modelCalls: 0, toolCalls: 0, reusedCalls: 0 },
    usage: { input: 0, cachedInput: 0, output: 0, reasoning: 0 },
  },
};
/** No process has this number. */
const DEAD_HERE = `4194999@${hostname()} ${BOOT} 1`;
const ALIVE_HERE = `${process.pid}@${hostname()} ${ownIdentity().startTime}`;
const ELSEWHERE = `7@another-machine ${randomUUID()} 1`;
/** Another machine, or this one before it was started anew: beside others nobody can tell. */
const SAME_NAME = `7@${hostname()} ${randomUUID()} 1`;

test('a run that was terminated or ran out of time has its end recorded, and is no longer open', async () => {
  await start('run_terminated');
  await stack.temporal.workflow.getHandle('run_terminated').terminate('by hand');
  expect(await recover(false)).toEqual([]);
  expect(await endedAs('run_terminated')).toMatchObject({
    outcome: 'cancelled',
    failure: { type: 'Run.Cancelled', message: 'terminated: by hand' },
    firstRunId: (await stack.client.run('run_terminated').describe()).runId,
  });
  expect(await stack.store.readRef(openRunName('run_terminated'))).toBeUndefined();
  expect(await stack.client.run('run_terminated').result()).toMatchObject({ outcome: 'cancelled' });
});

test.each([
  ['a dead worker of this machine', DEAD_HERE, true],
  ['a living worker of this machine', ALIVE_HERE, false],
  ['a worker of another machine', ELSEWHERE, false],
  ['a worker of a machine with the same name', SAME_NAME, false],
])(
  'beside others, a run at %s is picked up: %s %s',
  async (_, identity, isPickedUp) => {
    const { id } = await start(`run_${randomUUID()}`);
    await advanceAs(identity, id);
    expect(await attemptOf(id)).toBe(1);
    expect(await recover(false)).toEqual(isPickedUp ? [id] : []);
    expect(await attemptOf(id)).toBe(isPickedUp ? 2 : 1);
    await stack.temporal.workflow.getHandle(id).terminate('seen');
    await recover(false);
  },
  30_000,
);

test('a run whose end is stored and not told to Temporal is handed on at once: who waits for it would wait for its time to pass', async () => {
  const { id } = await start('run_stored_end');
  await advanceAs(DEAD_HERE, id, 'endRun');
  const record = await recordOf(id);
  const ended = { ...NOTHING_DONE, firstRunId: (await stack.client.run(id).describe()).runId };
  await stack.store.commit({ refs: [{ op: 'put', name: runRecordName(id), value: { ...record, ended } }] });
  // Nothing of it is to be made again, so it is not listed.
  expect(await recover(true)).toEqual([]);
  expect(await attemptOf(id)).toBe(2);
  // Until Temporal knows: the next start would not find it otherwise.
  expect(await stack.store.readRef(openRunName(id))).toBeDefined();
  await stack.temporal.workflow.getHandle(id).terminate('seen');
  expect(await recover(false)).toEqual([]);
  expect(await stack.store.readRef(openRunName(id))).toBeUndefined();
  expect(await endedAs(id)).toEqual(ended);
}, 30_000);

test('so is that of a sub-agent, which is listed no more', async () => {
  const { id } = await start('run_caller');
  const sub = 'sub_stored_end';
  await decideAs(DEAD_HERE, id, {
    commandType: START_CHILD_WORKFLOW_EXECUTION,
    startChildWorkflowExecutionCommandAttributes: {
      ...{ namespace: stack.server.namespace, workflowId: sub, workflowType: { name: 'agentRun' } },
      taskQueue: { name: 'agents' },
    },
  });
  await advanceAs(DEAD_HERE, sub, 'endRun');
  const record = { ...(await recordOf(id)), id: sub, ended: NOTHING_DONE };
  const parent = { run: id, root: id, firstRunId: 'first', turn: 1, index: 1 };
  await stack.store.commit({ refs: [{ op: 'put', name: runRecordName(sub), value: { ...record, parent } }] });
  expect(await recover(true)).toEqual([id]);
  expect(await attemptOf(sub)).toBe(2);
  await stack.temporal.workflow.getHandle(id).terminate('seen');
  await recover(false);
}, 30_000);

test('beside others, a run that no worker has seen yet is left to them; alone, it is listed', async () => {
  await start('run_waiting');
  expect(await recover(false)).toEqual([]);
  expect(await recover(true)).toEqual(['run_waiting']);
});
