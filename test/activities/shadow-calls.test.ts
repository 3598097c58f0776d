// Needs: nothing but Node. A call of a shadow beside the same call of a run: the shadow's leaves nothing where runs look.
import { MockActivityEnvironment } from '@temporalio/testing';
import { createActivities } from '../../activities';
import { defineAgent } from '../../activities/define';
import type { ActivityDeps } from '../../activities/deps';
import { failure } from '../../activities/failure';
import { createAnswerCache } from '../../activities/gateway/cache/answer-cache';
import { NO_QUOTA, type Quota } from '../../activities/gateway/ports';
import { allRefs } from '../../activities/store';
import { cacheOfTenant } from '../../activities/store/ref-names';
import type { CallModelInput, CallModelResult } from '../../workflows/contract/activities';
import { given, type Answer } from './given';

const plain = defineAgent({ name: 'plain', instructions: 'Answer.', cache: true });

async function worker(model?: () => Answer) {
  const { deps, store, input, requests } = await given(plain, model);
  const ask = async (workflowId: string, more: Partial<ActivityDeps> = {}): Promise<CallModelResult> => {
    const workflowExecution = { workflowId, runId: `first-of-${workflowId}` };
    const asked = { ...input, key: { ...input.key, run: workflowExecution.runId } };
    const { callModel } = createActivities({ ...deps, ...cached, ...more });
    const environment = new MockActivityEnvironment({ workflowExecution });
    return await environment.run<[CallModelInput], CallModelResult, typeof callModel>(callModel, asked);
  };
  const cached = { cache: createAnswerCache({ store, worker: 'w', now: Date.now }) };
  const cachedNames = async () => (await allRefs(store, cacheOfTenant('t'))).map(({ name }) => name);
  return { deps, ask, requests, cachedNames };
}

test('it neither takes an answer from the cache nor leaves one in it', async () => {
  const { ask, requests, cachedNames } = await worker();
  await ask('shadow/run_1/two');
  expect(await cachedNames()).toEqual([]);
  await ask('run_1');
  expect(await cachedNames()).toHaveLength(1);
  await ask('shadow/run_1/three');
  expect(requests).toHaveLength(3);
  expect(await ask('run_2')).toMatchObject({ cached: true });
  expect(requests).toHaveLength(3);
});

test('that an attempt of it failed is counted nowhere', async () => {
  const { ask, deps } = await worker(() => {
    throw failure('Model.Authentication', 'no');
  });
  const failed: string[] = [];
  deps.metrics.attemptFailed = ({ failure: type }) => void failed.push(type);
  await expect(ask('shadow/run_1/two')).rejects.toThrow('no');
  expect(failed).toEqual([]);
  await expect(ask('run_1')).rejects.toThrow('no');
  expect(failed).toEqual(['Model.Authentication']);
});

test('its requests spend the quota of the provider, and not the budget of its tenant', async () => {
  const { ask } = await worker();
  const admitted: string[] = [];
  const counting = (name: string): Quota => ({
    admit: (...asked) => {
      admitted.push(name);
      return NO_QUOTA.admit(...asked);
    },
  });
  const quotas = { quota: counting('with budgets'), quotaOfShadows: counting('of the provider') };
  await ask('shadow/run_1/two', quotas);
  await ask('run_1', quotas);
  expect(admitted).toEqual(['of the provider', 'with budgets']);
});
