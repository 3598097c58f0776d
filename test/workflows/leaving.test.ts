// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. A history that is left waits for what a person
// is saying: what else comes in that moment. The worker makes one call at a time, so that a call which is held keeps what was said waiting.
import { setTimeout as after } from 'node:timers/promises';
import { z } from 'zod';
import { defineAgent } from '../../activities/define';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';

const writer = defineAgent({
  name: 'writer',
  instructions: 'Write.',
  output: z.object({ text: z.string() }),
  limits: { turns: 5 },
});
const other = defineAgent({ name: 'other', instructions: 'Wait.' });

let model: ModelServer;
let stack: TestStack;
beforeAll(async () => {
  model = await startModelServer();
  // A run that has been paused and resumed once has a history that is to be left.
  stack = await startTestStack({
    agents: [writer, other],
    modelUrl: model.url,
    atOnce: 1,
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': 12 },
  });
}, 60_000);
afterEach(() => {
  model.release();
  model.clearFaults();
  model.reset();
});
afterAll(async () => {
  await stack.close();
  await model.close();
});

type Event = NonNullable<Awaited<ReturnType<typeof eventsOf>>>[number];
const eventsOf = async (id: string) => (await stack.temporal.workflow.getHandle(id).fetchHistory()).events ?? [];
const isScheduled = (name: string) => (event: Event) =>
  event.activityTaskScheduledEventAttributes?.activityType?.name === name;
const isResume = (event: Event): boolean => event.workflowExecutionSignaledEventAttributes?.signalName === 'resume';
const isDecided = (event: Event): boolean => Boolean(event.workflowTaskCompletedEventAttributes);

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    if (await holds()) return;
    await after(50);
  }
  throw new Error('it did not come about within 15 s');
}

/** A run that is about to leave its history, and waits for what is said to it; that waits for `letGo`. */
async function leaving(id: string) {
  model.setRespond(({ messages }) =>
    messages[0]?.text.startsWith('Wait')
      ? script().answer('waited')
      : script().answer('no JSON').answer('{"text":"done"}').answer('{"text":"done"}'),
  );
  model.addFaults({ when: { nth: 1 }, do: { hold: 'first' } }, { when: { nth: 2 }, do: { hold: 'other' } });
  const run = await stack.client.agent<typeof writer>('writer').start('go', { id });
  const handle = stack.temporal.workflow.getHandle(id);
  await model.until(({ requests }) => requests === 1);
  await run.pause('a moment');
  model.release('first');
  // What it answered is of no use, so it would ask again.
  await eventually(async () =>
    (await run.progress()).steps.some(({ kind, state }) => kind === 'model' && state === 'done'),
  );
  const beside = await stack.client.agent<typeof other>('other').start('go', { id: `${id}-other` });
  await model.until(({ requests }) => requests === 2);
  const said = handle
    .executeUpdate<void, [object]>('steer', { args: [{ text: 'in French' }] })
    .then(() => 'taken')
    .catch((error: unknown) =>
      error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error),
    );
  await eventually(async () => (await eventsOf(id)).some(isScheduled('takeMessage')));
  await run.resume();
  await eventually(async () => {
    const events = await eventsOf(id);
    const from = events.findIndex(isResume);
    return from >= 0 && events.slice(from).some(isDecided);
  });
  const first = (await handle.describe()).runId;
  return {
    ...{ run, handle, said, first },
    letGo: async () => {
      model.release('other');
      await beside.result();
    },
  };
}

/** It was to be left: it has asked nothing more, and no other execution has come after it. */
async function expectNotLeft(id: string, first: string): Promise<void> {
  const handle = stack.temporal.workflow.getHandle(id);
  expect((await handle.describe()).runId).toBe(first);
  expect((await eventsOf(id)).filter(isScheduled('callModel'))).toHaveLength(1);
}

test('what is said while a history is about to be left is heard in the next one', async () => {
  const { run, handle, said, first, letGo } = await leaving('heard');
  expect((await handle.describe()).runId).toBe(first);
  await letGo();
  expect(await said).toBe('taken');
  expect(await run.result()).toMatchObject({ outcome: 'completed', output: { text: 'done' } });
  expect((await handle.describe()).runId).not.toBe(first);
  expect((await run.transcript()).map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'user', 'assistant']);
}, 60_000);

test('a cancel that comes meanwhile ends the run with its reason, and who says something is told', async () => {
  const { run, said, first, letGo } = await leaving('cancelled');
  expect(await run.cancel('not needed')).toEqual({ reasonKept: true });
  expect(await said).toBe('the run is being cancelled');
  await letGo();
  expect(await run.result()).toMatchObject({ outcome: 'cancelled', failure: { message: 'not needed' } });
  await expectNotLeft('cancelled', first);
  expect((await run.record()).ended).toMatchObject({ outcome: 'cancelled', failure: { message: 'not needed' } });
  expect((await run.describe()).status.name).toBe('CANCELLED');
}, 60_000);

test('so does a cancel by update alone, once what is said has been taken', async () => {
  const { run, handle, said, first, letGo } = await leaving('update');
  await handle.executeUpdate('cancel', { args: [{ reason: 'no more' }] });
  await letGo();
  expect(await run.result()).toMatchObject({ outcome: 'cancelled', failure: { message: 'no more' } });
  expect(await said).toBe('the run is being cancelled: no more');
  await expectNotLeft('update', first);
}, 60_000);

test("and Temporal's own, without a reason", async () => {
  const { run, handle, said, first, letGo } = await leaving('plain');
  await handle.cancel();
  expect(await said).toBe('the run is being cancelled');
  await letGo();
  expect(await run.result()).toMatchObject({ outcome: 'cancelled', failure: { message: 'no reason was given' } });
  await expectNotLeft('plain', first);
}, 60_000);
