// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. What attempts that brought no answer leave to
// the next one, in their last heartbeat: what they have taken, and who was asked.
import { defineAgent } from '../../activities/define';
import { createPrices } from '../../activities/gateway/money/prices';
import { callsOf } from '../../activities/store/run-calls';
import { tracedRun, type TracedRun } from '../../client/trace/traced-run';
import type { RunHandle } from '../../client/run-handle';
import type { ModelRecord } from '../../workflows/contract/schemas/call-record';
import { script, type Fault } from '../kit/model-server';
import { useStack } from '../stack/use-stack';

jest.setTimeout(120_000);

const SPEECH = Array.from({ length: 60 }, (_, at) => `word${at}`).join(' ');
const PRICE = { input: 1, output: 10 };
const ROUTE = ['one/model', 'two/model'];
const teller = defineAgent({ name: 'teller', instructions: 'Tell.' });
const used = useStack(
  { script: script().answer(SPEECH) },
  {
    ...{ agents: [teller], route: ROUTE },
    prices: createPrices({ prices: Object.fromEntries(ROUTE.map((route) => [route, PRICE])), providers: [] }),
  },
);
const priceOf = ({ input, output }: { input: number; output: number }): number =>
  1_000 * (input * PRICE.input + output * PRICE.output);
const strikes = (provider: string, times: number, action: Fault['do']): Fault => ({
  when: { match: ({ headers }) => headers['x-provider'] === provider, times },
  do: action,
});

beforeEach(() => {
  used.model.clearFaults();
  used.model.reset();
});

const begun = (): Promise<RunHandle<string>> => used.stack.client.agent<typeof teller>('teller').start('Go.');

async function traced(run: RunHandle<string>): Promise<{ trace: TracedRun; record: ModelRecord }> {
  const trace = await tracedRun({ store: used.stack.store }, await run.record(), []);
  const [call] = (await callsOf(used.stack.store, trace.firstRunId ?? '')).calls;
  if (call?.record.kind !== 'model') throw new Error('its call has no record');
  return { trace, record: call.record };
}

test('all of a route break off: the next attempt has it in its record, in the cost of the run, and in its trace', async () => {
  const { model } = used;
  model.addFaults(strikes('one', 1, { cutStreamAfterChunks: 6 }), strikes('two', 1, { cutStreamAfterChunks: 4 }));
  const run = await begun();
  const result = await run.result();
  expect(result).toMatchObject({ outcome: 'completed', output: SPEECH });
  expect(model.requests()).toHaveLength(3);
  const { trace, record } = await traced(run);
  expect(record).toMatchObject({
    attempt: 2,
    tried: ROUTE.map((route) => ({ route, failure: 'Model.InvalidResponse', attempt: 1 })),
  });
  const { usage, unanswered } = record.answer;
  // Of both, what had come before they broke off.
  expect(unanswered?.spent.output).toBeGreaterThan(0);
  expect(unanswered?.spent.output).toBeLessThan(usage.output);
  expect(unanswered?.spent.input).toBeGreaterThan(0);
  expect(unanswered?.cost).toEqual({ nanoUsd: priceOf(unanswered?.spent ?? usage) });
  expect(result.totals.cost).toEqual({ nanoUsd: priceOf(usage) + priceOf(unanswered?.spent ?? usage) });
  expect(result.totals.usage.output).toBe(usage.output + (unanswered?.spent.output ?? 0));
  expect(trace.calls[0]?.failedBefore).toEqual(ROUTE.map((name) => ({ name, type: 'Model.InvalidResponse' })));
});

test('its worker is stopped in the middle of an answer: what had come of it is in the record of the next worker', async () => {
  const { model, stack } = used;
  model.addFaults(strikes('one', 1, { hangAfterChunks: 12 }));
  const run = await begun();
  let shown = '';
  for await (const event of run.events()) {
    if (event.type !== 'text') continue;
    shown += event.text;
    break;
  }
  expect(SPEECH.startsWith(shown)).toBe(true);
  await stack.restartWorker();
  const result = await run.result();
  expect(result).toMatchObject({ outcome: 'completed', output: SPEECH });
  const { record } = await traced(run);
  expect(record.attempt).toBe(2);
  expect(record.answer.unanswered?.spent.output).toBeGreaterThan(0);
  expect(record.answer.unanswered?.spent.output).toBeLessThan(record.answer.usage.output);
  expect(result.totals.cost).toEqual({
    nanoUsd: priceOf(record.answer.usage) + priceOf(record.answer.unanswered?.spent ?? record.answer.usage),
  });
});

test('nobody of a route answers, and asking again would not help: the run, and its trace, say what each said', async () => {
  const { model } = used;
  model.addFaults(strikes('one', 1, { status: 401 }), strikes('two', 1, { status: 403 }));
  const run = await begun();
  const result = await run.result();
  expect(result).toMatchObject({ outcome: 'failed', failure: { type: 'Model.Authentication' } });
  const message = result.outcome === 'failed' ? result.failure.message : '';
  expect(message).toMatch(/one\/model: .*two\/model: /);
  const trace = await tracedRun({ store: used.stack.store }, await run.record(), []);
  expect(trace.record.ended?.failure?.message).toBe(message);
});
