// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk, which takes what a person says only when the
// test lets it. Every history is a long one after its first calls.
import { setTimeout as after } from 'node:timers/promises';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { saidOfFirst } from '../../activities/store/ref-names';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';

interface Gate {
  open(): void;
  opened: Promise<void>;
}
function closedGate(): Gate {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}
const [calling, saying] = [closedGate(), closedGate()];

const look = defineTool({
  ...{ name: 'look', description: 'Looks.', input: z.object({}), output: z.string(), effect: 'read', timeout: '1m' },
  run: async () => {
    await calling.opened;
    return 'seen';
  },
});
const looker = defineAgent({ name: 'looker', instructions: 'Look.', tools: [look] });

let model: ModelServer;
let stack: TestStack;
beforeAll(async () => {
  model = await startModelServer({ script: script().call('look', {}).answer('too far') });
  stack = await startTestStack({
    ...{ agents: [looker], modelUrl: model.url },
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': 12 },
  });
  const { store } = stack;
  const of = store.of;
  store.of = (tenant) => {
    const own = of(tenant);
    return {
      ...own,
      commit: async (request) => {
        if (request.refs?.some(({ name }) => name.startsWith(saidOfFirst('').slice(0, -1)))) await saying.opened;
        return await own.commit(request);
      },
    };
  };
}, 60_000);
afterAll(async () => {
  calling.open();
  saying.open();
  await stack.close();
  await model.close();
});

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    if (await holds()) return;
    await after(100);
  }
  throw new Error('it did not come about within 30 s');
}

test('a cancel that comes while a long history waits to be left ends the run, with its reason and its record', async () => {
  const run = await stack.client.agent('looker').start('go');
  /** Places in its newest history, of activities that have been scheduled and of workflow tasks behind the tool's answer. */
  const seen = async (): Promise<{ scheduled: number; decided: boolean }> => {
    const { events } = await stack.temporal.workflow.getHandle(run.id).fetchHistory();
    const all = events ?? [];
    const answered = all.findLastIndex((event) => event.activityTaskCompletedEventAttributes);
    return {
      scheduled: all.filter((event) => event.activityTaskScheduledEventAttributes).length,
      decided: all.slice(answered).some((event) => event.workflowTaskCompletedEventAttributes),
    };
  };
  await eventually(async () => (await seen()).scheduled === 2);
  const said = run.steer('and hurry').catch((error: unknown) => error);
  await eventually(async () => (await seen()).scheduled === 3);
  // Nothing else is under way than what is being said: the history is left once that is taken.
  const before = await run.describe();
  calling.open();
  await eventually(async () => (await run.progress()).totals.toolCalls === 1 && (await seen()).decided);
  expect((await run.describe()).runId).toBe(before.runId);
  await run.cancel('enough');
  expect(await run.result()).toMatchObject({ outcome: 'cancelled', failure: { message: 'enough' }, length: 3 });
  expect(await run.record()).toMatchObject({
    ended: { outcome: 'cancelled', totals: { modelCalls: 1, toolCalls: 1 } },
  });
  expect((await run.describe()).status.name).toBe('CANCELLED');
  expect(await said).toMatchObject({ code: 'refused' });
}, 60_000);
