// Needs: nothing but Node. What is left of a tenant's budget is told with an answer, is found again with its record, and caps a request.
import { callModel } from '../../activities/call-model';
import { defineAgent } from '../../activities/define';
import { attempt, given } from './given';

const agent = defineAgent({ name: 'greeter', instructions: 'Greet.', parameters: { maxOutputTokens: 500 } });
const tenantLeft = [{ of: 'tokens' as const, most: 1_000, left: 40 }];

test('what is left is told with the answer, and again where its record is found', async () => {
  const { deps, input, about } = await given(agent);
  deps.quota = { ...deps.quota, tenantLeft: (tenant) => (tenant === about.tenant ? tenantLeft : []) };
  expect(await callModel(deps, input, attempt())).toMatchObject({ kind: 'answer', tenantLeft });
  deps.quota = { ...deps.quota, tenantLeft: () => [] };
  expect(await callModel(deps, input, attempt())).toMatchObject({ reused: true, tenantLeft });
});

test('an answer may have as many tokens as its tenant has left, and no more than its agent wants', async () => {
  const capOf = async (outputMost: number): Promise<unknown> => {
    const { deps, input, requests } = await given(agent);
    deps.quota = {
      admit: () => Promise.resolve({ settle: () => undefined, release: () => undefined, outputMost }),
    };
    await callModel(deps, input, attempt());
    return requests[0]?.parameters['maxOutputTokens'];
  };
  expect(await capOf(40)).toBe(40);
  expect(await capOf(4_000)).toBe(500);
});

test('a request that its provider refuses costs its tenant nothing, and one that was cut what it took', async () => {
  const settledWith = async (fails: 'Model.RateLimited' | 'Model.InvalidResponse'): Promise<unknown[]> => {
    const { deps, input } = await given(agent, () => ({ fails }));
    const settled: unknown[] = [];
    deps.quota = {
      admit: () =>
        Promise.resolve({ settle: (usage, paid) => void settled.push(usage, paid), release: () => undefined }),
    };
    await expect(callModel(deps, input, attempt())).rejects.toMatchObject({ type: fails });
    return settled;
  };
  expect(await settledWith('Model.RateLimited')).toEqual([undefined, 'nothing']);
  expect(await settledWith('Model.InvalidResponse')).toMatchObject([undefined, { input: expect.any(Number) }]);
});
