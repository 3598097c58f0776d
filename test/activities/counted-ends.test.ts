// Needs: nothing. The end of a run is counted once, however often it is written, and whatever fails after it.
import type { CountedRun } from '../../activities';
import { defineAgent } from '../../activities/define';
import { endRun } from '../../activities/end-run';
import type { EndRunInput } from '../../workflows/contract/activities';
import { attempt, given, key } from './given';

const plain = defineAgent({ name: 'plain', instructions: 'Answer.' });
const totals = {
  ...{ turns: 1, modelCalls: 1, toolCalls: 0, reusedCalls: 0 },
  usage: { input: 10, cachedInput: 4, output: 2, reasoning: 1 },
};
const end: Pick<EndRunInput, 'base' | 'append' | 'result' | 'startedAt'> = {
  ...{ base: null, append: [], startedAt: 250 },
  result: {
    ...{ schemaVersion: 1, outcome: 'failed', length: 0, totals },
    failure: { type: 'Tool.Failed', message: 'no' },
  },
};

async function counting() {
  const { deps, store, about } = await given(plain);
  const counted: CountedRun[] = [];
  deps.metrics.runEnded = (run) => counted.push(run);
  return { deps, store, counted, input: { ...about, key, ...end } };
}

test('an attempt that is made again counts nothing', async () => {
  const { deps, counted, input } = await counting();
  await endRun(deps, input, attempt());
  await endRun(deps, input, attempt(2));
  expect(counted).toEqual([
    {
      ...{ agent: 'plain', release: input.release, tenant: 't', id: 'w', outcome: 'failed', failure: 'Tool.Failed' },
      ...{ seconds: 0.75, totals },
    },
  ]);
});

test('it is counted where what comes after it fails, and not again when that is mended', async () => {
  const { deps, store, counted, input } = await counting();
  const away = { ...store, deleteRef: () => Promise.reject(new Error('away')) };
  await expect(endRun({ ...deps, store: away }, input, attempt())).rejects.toThrow('away');
  await endRun(deps, input, attempt(2));
  expect(counted).toHaveLength(1);
});

test('a run that a reset let go on ends anew', async () => {
  const { deps, counted, input } = await counting();
  await endRun(deps, input, attempt());
  await endRun(deps, { ...input, result: { ...input.result, outcome: 'escalated' } }, attempt());
  expect(counted.map(({ outcome }) => outcome)).toEqual(['failed', 'escalated']);
});
