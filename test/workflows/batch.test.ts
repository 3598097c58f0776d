// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. Forty runs whose tasks share calls: how many
// requests that is, that each has its own answer, and that what they have used adds up to what the provider counted.
import { z } from 'zod';
import { defineAgent } from '../../activities/define';
import { callsOf } from '../../activities/store/run-calls';
import { label } from '../benchmarks/batch';
import { useStack } from '../stack/use-stack';

jest.setTimeout(120_000);

const RUNS = 40;
const labels = defineAgent({
  name: 'labels',
  instructions: 'Label the message.',
  output: z.strictObject({ label: z.string() }),
  batch: { size: 20, delay: '2s' },
});

const on = useStack({ respond: label, delayMs: 50 }, { agents: [labels] });

test('forty runs are a few requests; each has its own answer, and their totals add up to the provider’s', async () => {
  const { stack, model } = on;
  const runs = await Promise.all(
    Array.from({ length: RUNS }, (_, at) =>
      stack.client.agent<typeof labels>('labels').start(`message ${at}`, { id: `label-${at}` }),
    ),
  );
  const results = await Promise.all(runs.map((run) => run.result()));
  expect(results).toMatchObject(
    Array.from({ length: RUNS }, (_, at) => ({ outcome: 'completed', output: { label: `of message ${at}` } })),
  );
  const { requests, tokens } = model.counts();
  // Two where all of them come in time; on a busy machine some calls leave before they are full.
  expect(requests).toBeGreaterThanOrEqual(2);
  expect(requests).toBeLessThanOrEqual(RUNS / 4);

  const records = await Promise.all(runs.map((run) => run.record()));
  const used = records.flatMap(({ ended }) => (ended ? [ended.totals.usage] : []));
  expect(used.length).toBe(RUNS);
  expect(used.reduce((sum, { input }) => sum + input, 0)).toBe(tokens.input);
  expect(used.reduce((sum, { output }) => sum + output, 0)).toBe(tokens.output);

  const { calls } = await callsOf(stack.store, records[0]?.ended?.firstRunId ?? '');
  const [record] = calls.map((call) => call.record);
  if (record?.kind !== 'model') throw new Error('a run of this agent has one model call.');
  expect(record.batch?.request).toBe(record.request.sha256);
  expect(model.requests().map(({ sha256 }) => sha256)).toContain(record.request.sha256);
});
