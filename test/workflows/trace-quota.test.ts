// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk: a run that waits for its quota says so in its trace,
// while it waits and afterwards.
import { readTrace } from '../../client/trace/read-trace';
import type { RunTrace } from '../../client/trace/trace-shapes';
import { until } from '../e2e/cli';
import { useLimitedGreeter } from '../stack/limited-greeter';

jest.setTimeout(180_000);

const used = useLimitedGreeter(1);
const IDS = ['run_a', 'run_b', 'run_c', 'run_d'];
const tracesOf = async (): Promise<RunTrace[]> => {
  const { store, temporal, client } = used.stack;
  return await Promise.all(IDS.map(async (id) => await readTrace({ store, temporal }, await client.run(id).record())));
};
const waits = ({ spans }: RunTrace) => spans.filter(({ kind }) => kind === 'waiting');

test('each wait for quota stands before its call, for as long as it took; the call that was sent away is none beside it', async () => {
  const runs = await Promise.all(IDS.map((id) => used.agent().start('hello', { id })));
  await until('a wait', async () => (await tracesOf()).some((trace) => waits(trace).length > 0), 60_000);
  const results = await Promise.all(runs.map((run) => run.result()));
  expect(results.map(({ outcome }) => outcome)).toEqual(IDS.map(() => 'completed'));
  const traces = await tracesOf();
  const waited = traces.filter((trace) => waits(trace).length > 0);
  // One a window: whoever comes third waits longer than is waited within a call.
  expect(waited.length).toBeGreaterThan(0);
  for (const trace of waited) {
    const [model, ...others] = trace.spans.filter(({ kind }) => kind === 'model');
    expect(others).toEqual([]);
    expect(model).toMatchObject({ status: 'done', call: 1 });
    for (const wait of waits(trace)) {
      expect(wait).toMatchObject({ status: 'done', waitsFor: 'quota', note: expect.stringContaining('test/model') });
      expect(wait.endMs).toBeLessThanOrEqual((model?.startMs ?? 0) + 1);
      expect((wait.endMs ?? 0) - wait.startMs).toBeGreaterThan(0);
    }
  }
});
