// Needs: a Temporal CLI, free ports. Kills a worker process that it has started, while others wait for the answer that it has asked for.
import { allRefs } from '../../activities/store';
import { CALL_PREFIX } from '../../activities/store/ref-names';
import { modelRecordSchema } from '../../workflows/contract/schemas/call-record';
import { script } from '../kit/model-server';
import { startTellerStack, type repeater, type TellerStack } from '../stack/teller';

/** Temporal gives up a worker that is gone after twelve seconds without a heartbeat. */
jest.setTimeout(240_000);

const TOLD = 'All is well.';
const WAITING = 20;

let stack: TellerStack;
beforeAll(async () => {
  stack = await startTellerStack({
    model: {
      script: script().answer(TOLD),
      faults: [{ when: { nth: 1 }, do: { hang: true } }],
    },
  });
});
afterAll(() => stack.close());

test('the worker that asks for all is killed: one of those who wait asks a second time, and all are answered', async () => {
  const agent = stack.client.agent<typeof repeater>('repeater');
  const killed = await stack.startWorker();
  // Alone with its worker, so that this one asks.
  const first = await agent.start('How is it?', { id: 'run_first' });
  while ((await stack.model.counts()).requests === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  await Promise.all([stack.startWorker(), stack.startWorker()]);
  const others = await Promise.all(
    Array.from({ length: WAITING }, (_, nth) => agent.start('How is it?', { id: `run_${nth}` })),
  );
  await killed.end('SIGKILL');
  const results = await Promise.all([first, ...others].map((run) => run.result()));
  expect(results.map((result) => result.outcome === 'completed' && result.output)).toEqual(results.map(() => TOLD));
  expect(await stack.model.counts()).toMatchObject({ requests: 2, answered: 1 });
  const records = (await allRefs(stack.store, CALL_PREFIX)).map(({ value }) => modelRecordSchema.parse(value));
  expect(records.filter(({ origin }) => !origin)).toHaveLength(1);
  expect(records.filter(({ origin }) => origin)).toHaveLength(WAITING);
});
