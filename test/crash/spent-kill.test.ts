// Needs: a Temporal CLI, free ports. Kills a worker process that it has started, while its provider keeps it waiting. What the attempts
// before the answer have taken is counted by whoever has the answer, also where an attempt could not say it any more.
import { tokenCounter } from '../../activities/context/count-tokens';
import { callsOf } from '../../activities/store/run-calls';
import { text } from '../activities/given';
import { script } from '../kit/model-server';
import { startTellerStack, type teller, type TellerStack } from '../stack/teller';

/** Temporal gives up a worker that is gone after twelve seconds without a heartbeat. */
jest.setTimeout(240_000);

const SPEECH = Array.from({ length: 60 }, (_, at) => `word${at}`).join(' ');

let stack: TellerStack;
beforeAll(async () => {
  stack = await startTellerStack({
    model: {
      script: script().answer(SPEECH),
      faults: [
        { when: { nth: 1 }, do: { cutStreamAfterChunks: 8 } },
        { when: { nth: 2 }, do: { hang: true } },
      ],
    },
  });
});
afterAll(() => stack.close());

test('one attempt breaks off and the next dies with its worker: the third has the tokens of both', async () => {
  const killed = await stack.startWorker();
  const run = await stack.client.agent<typeof teller>('teller').start('Go.');
  while ((await stack.model.counts()).requests < 2) await new Promise((resolve) => setTimeout(resolve, 50));
  await killed.end('SIGKILL');
  await stack.startWorker();
  const result = await run.result();
  expect(result).toMatchObject({ outcome: 'completed', output: SPEECH });
  const [call] = (await callsOf(stack.store, (await run.record()).ended?.firstRunId ?? '')).calls;
  if (call?.record.kind !== 'model') throw new Error('its call has no record');
  const { attempt, answer } = call.record;
  expect(attempt).toBe(3);
  const counter = tokenCounter('test/model');
  const request = counter.countText('Tell.') + counter.count(text('Go.'));
  expect(answer.unanswered?.spent.input).toBe(2 * request);
  // Of the one that broke off; of the other it is not known that any came.
  expect(answer.unanswered?.spent.output).toBeGreaterThan(0);
  expect(answer.unanswered?.spent.output).toBeLessThan(answer.usage.output);
  expect(result.totals.usage.input).toBe(answer.usage.input + 2 * request);
});
