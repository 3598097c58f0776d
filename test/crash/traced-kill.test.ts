// Needs: a Temporal CLI, free ports. Kills a worker process that it has started in the middle of a call of a traced run: what a collector is sent
// of the run by the two processes together.
import { script } from '../kit/model-server';
import { startOtlpReceiver, type OtlpReceiver } from '../stack/otlp-receiver';
import { startTellerStack, type teller, type TellerStack } from '../stack/teller';
import { problemsOf, spansOf, tracedRun } from '../stack/traced-runs';
import { until } from '../stack/until';

/** Temporal gives up a worker that is gone after twelve seconds without a heartbeat. */
jest.setTimeout(240_000);

let receiver: OtlpReceiver;
let stack: TellerStack;
beforeAll(async () => {
  receiver = await startOtlpReceiver();
  stack = await startTellerStack({
    tracesUrl: `${receiver.url}/v1/traces`,
    // In the order in which they are asked, without the request that the killed worker waits for.
    model: {
      script: script().answer('first').answer('second'),
      order: 'arrival',
      faults: [
        { when: { nth: 1 }, do: { hold: 'first' } },
        { when: { nth: 2 }, do: { hang: true } },
      ],
    },
  });
});
afterAll(async () => {
  await stack.close();
  await receiver.close();
});

test('a worker killed in a call of a traced run: the next one goes on in the same trace, no span comes twice, and that of the run once', async () => {
  const killed = await stack.startWorker();
  const run = await stack.client.agent<typeof teller>('teller').start('Go.');
  await until(async () => (await stack.model.counts()).requests === 1, 60_000);
  await run.steer('And then?');
  await stack.model.control({ release: 'first' });
  // Of the call that has ended the span has come before the worker goes.
  await until(() => spansOf(receiver, run.id).length === 1, 60_000);
  await until(async () => (await stack.model.counts()).requests === 2, 60_000);
  await killed.end('SIGKILL');
  const next = await stack.startWorker();
  expect(await run.result()).toMatchObject({ outcome: 'completed', output: 'second' });
  const { root, spans } = await tracedRun(receiver, run.id, ['chat model', 'chat model', 'invoke_agent teller']);
  await next.end('SIGTERM');
  const calls = spans.filter(({ name }) => name === 'chat model');
  expect(calls.map(({ attributes }) => [attributes['longhaul.turn'], attributes['longhaul.attempt']]).sort()).toEqual([
    [1, 1],
    [2, 2],
  ]);
  expect(calls.map(({ traceId, parentSpanId }) => ({ traceId, parentSpanId }))).toEqual(
    calls.map(() => ({ traceId: root.traceId, parentSpanId: root.spanId })),
  );
  expect(spansOf(receiver, run.id)).toHaveLength(3);
  expect(problemsOf(receiver)).toEqual([]);
});
