// Needs: a Temporal CLI, free ports. Kills worker processes that it has started, in the middle of an answer that somebody watches.
import { followRun } from '../../client/follow-run';
import type { RunEvent } from '../../client/run-events';
import { script } from '../kit/model-server';
import { startTellerStack, type teller, type TellerStack } from '../stack/teller';

/** Temporal gives up a worker that is gone after twelve seconds without a heartbeat. */
jest.setTimeout(240_000);

const SPEECH = Array.from({ length: 120 }, (_, at) => `word${at}`).join(' ');
/** Neither a beginning of the answer nor the rest of one: what is left of it in what is shown would be seen. */
const KILLED = Array.from({ length: 400 }, (_, at) => `lost${at}`).join(' ');

let stack: TellerStack;
beforeAll(async () => {
  stack = await startTellerStack({
    model: {
      // In the order in which they are asked: the killed worker's request takes the first.
      script: script().answer(KILLED).answer(SPEECH),
      order: 'arrival',
      faults: [{ do: { slowStreamMsPerChunk: 20 } }],
    },
  });
});
afterAll(() => stack.close());

test('a worker killed while its answer is watched: the next attempt takes its place, from another process, and the answer is kept', async () => {
  const killed = await stack.startWorker();
  const run = await stack.client.agent<typeof teller>('teller').start('Go.', { id: 'run_killed' });
  let shown = '';
  const firstShown: string[] = [];
  const attempts: number[] = [];
  const replaced: string[] = [];
  const steps: Extract<RunEvent, { type: 'step' }>[] = [];
  let next: Promise<unknown> | undefined;
  // As `tail` reads, from beginning to end.
  for await (const event of followRun(run, () => undefined)) {
    if (event.type === 'step') steps.push(event);
    if (event.type !== 'text') continue;
    const from = event.sequence - event.text.length;
    if (attempts.at(-1) !== event.attempt) {
      attempts.push(event.attempt);
      replaced.push(shown.slice(from));
      firstShown.push(event.text);
    }
    shown = shown.slice(0, from) + event.text;
    if (next || event.sequence < 100) continue;
    await killed.end('SIGKILL');
    next = stack.startWorker();
  }
  await next;
  expect(attempts).toEqual([1, 2]);
  expect(replaced[1]).toMatch(/^lost0 lost1 /);
  expect(firstShown[1]).toMatch(/^word0/);
  expect(SPEECH.startsWith(shown)).toBe(true);
  expect(await run.result()).toMatchObject({ outcome: 'completed', output: SPEECH });
  expect(steps.filter(({ step }) => step.kind === 'model').map(({ step }) => step.state)).toEqual(['running', 'done']);
  expect(await stack.model.counts()).toMatchObject({ requests: 2 });
});
