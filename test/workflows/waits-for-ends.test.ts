// Needs a Temporal server (embedded, real) and the model server: what a wait for a run's end leaves behind.
import { getEventListeners } from 'node:events';
import { defineAgent } from '../../activities/define';
import { waitUnder } from '../../client/wait-under';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';

const agent = defineAgent({ name: 'writer', instructions: 'Write.' });

let model: ModelServer;
let stack: TestStack;
beforeAll(async () => {
  model = await startModelServer({ script: script().answer('done') });
  stack = await startTestStack({ agents: [agent], modelUrl: model.url });
}, 60_000);
afterEach(() => model.reset());
afterAll(async () => {
  await stack.close();
  await model.close();
});

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

test('a wait under a signal leaves nobody listening to it, whether it comes to the end or is given up', async () => {
  const { signal } = new AbortController();
  const run = await stack.client.agent<typeof agent>('writer').start('go');
  expect(await run.result({ signal })).toMatchObject({ outcome: 'completed' });
  for await (const _ of run.events({ signal }));
  expect(listeners(signal)).toBe(0);
});

test('a wait of many rounds has one listener, ends with the run, and ends when it is given up', async () => {
  model.addFaults({ when: { nth: 1 }, do: { hold: 'long' } });
  const run = await stack.client.agent<typeof agent>('writer').start('go');
  await model.until(({ requests }) => requests >= 1, 30_000);
  const { connection, workflow } = stack.temporal;
  let rounds = 0;
  const waited = (signal: AbortSignal): Promise<unknown> =>
    waitUnder(connection, signal, () => ((rounds += 1), workflow.getHandle(run.id).result()), 100);
  const left = new AbortController();
  const stays = new AbortController();
  const givenUp = waited(left.signal);
  const ended = waited(stays.signal);
  while (rounds < 24) await new Promise((resolve) => setTimeout(resolve, 50));
  expect([listeners(left.signal), listeners(stays.signal)]).toEqual([1, 1]);
  left.abort();
  await expect(givenUp).rejects.toThrow();
  model.release('long');
  await ended;
  expect(listeners(stays.signal)).toBe(0);
});
