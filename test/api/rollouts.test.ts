// Needs a Temporal server (embedded, real) and the model server: a rollout begun, looked at and steered over HTTP, and who may.
import { defineAgent } from '../../activities/define';
import { changeTraffic } from '../../activities/store/change-traffic';
import { readPointer } from '../../activities/store/pick-release';
import { tellServing, type ServingTeller } from '../../workers/tell-serving';
import { script } from '../kit/model-server';
import { until } from '../stack/until';
import { useStack } from '../stack/use-stack';
import { madeKey, startTestApi, useApi, type UsedApi } from './given';

jest.setTimeout(180_000);

const version = (nth: number) => defineAgent({ name: 'teller', instructions: `You are version ${nth}.` });
const on = useStack({ respond: () => script().answer('yes').turnAt(0) }, { agents: [version(1)] });
const api = useApi(on);
const AT = '/v1/agents/teller';

let [one, two] = ['', ''];
let serving: ServingTeller;
const takes = async (): Promise<string> => (await readPointer(on.stack.store, 'teller'))?.pointer.release ?? '';
beforeAll(async () => {
  const { store } = on.stack;
  one = await takes();
  await on.stack.publish([version(2)]);
  two = await takes();
  await changeTraffic(store, 'teller', { kind: 'release', release: one }, { by: 'ada' });
  serving = tellServing({ store, worker: 'w', strict: false, releases: () => ({ teller: [one, two] }) });
  await serving.tell();
});
afterAll(() => serving.stop());

const newest = async (): Promise<{ [name: string]: unknown }> => {
  const { body } = await api.ask('GET', `${AT}/rollouts/newest`);
  return (body['rollout'] ?? {}) as { [name: string]: unknown };
};

test('begun, paused, resumed, aborted; how it stands is told each time', async () => {
  const body = { release: two, steps: [5, 50, 100], units: [3], sticky: 'run', everyMs: 1_000, why: 'a test' };
  const begun = await api.ask('POST', `${AT}/rollouts`, { body });
  expect(begun).toMatchObject({
    status: 201,
    body: { release: two, from: one, by: 'api', why: 'a test', sticky: 'run', steps: [{ share: 0.05 }] },
  });
  expect(await api.ask('POST', `${AT}/rollouts`, { body })).toMatchObject({
    status: 409,
    body: { type: 'Rollout.Refused', detail: expect.stringContaining('is under way') as string },
  });
  expect(await api.ask('GET', `${AT}/traffic`)).toMatchObject({ body: { now: { candidate: { share: 500 } } } });
  expect(await api.ask('POST', `${AT}/rollout/pause`, { body: { why: 'lunch' } })).toMatchObject({ status: 202 });
  await until(async () => (await newest())['paused'] !== undefined);
  expect(await newest()).toMatchObject({ paused: { because: 'person', by: 'api', why: 'lunch' } });
  await api.ask('POST', `${AT}/rollout/resume`);
  await until(async () => (await newest())['paused'] === undefined);
  await until(async () => Number((await newest())['looks']) > 0);
  const looked = await api.ask('GET', `${AT}/rollouts/${String(begun.body['id'])}`);
  expect(looked).toMatchObject({
    status: 200,
    body: {
      policy: { steps: [{ share: 0.05, units: 3 }, { share: 0.5 }, { share: 1 }] },
      looks: expect.arrayContaining([
        expect.objectContaining({ decision: 'wait', headline: expect.stringMatching(/^Wait/) as string }),
      ]) as unknown,
    },
  });
  expect(await api.ask('POST', `${AT}/rollout/promote`)).toMatchObject({ status: 422 });
  expect(await api.ask('POST', `${AT}/rollout/abort`, { body: { why: 'enough' } })).toMatchObject({ status: 202 });
  await until(async () => (await newest())['ended'] !== undefined);
  expect(await newest()).toMatchObject({ ended: { as: 'withdrawn', because: 'person', by: 'api', why: 'enough' } });
  expect(await takes()).toBe(one);
  expect(await api.ask('POST', `${AT}/rollout/abort`)).toMatchObject({
    status: 409,
    body: { type: 'Rollout.Refused', detail: expect.stringContaining('is over: withdrawn by api: enough') as string },
  });
  expect(await api.ask('GET', '/v1/rollouts?agent=teller')).toMatchObject({
    status: 200,
    body: { rollouts: [{ release: two }], more: false },
  });
});

test('what does not fit, and what is not there', async () => {
  const begin = (body: unknown) => api.ask('POST', `${AT}/rollouts`, { body });
  expect(await begin({ release: one })).toMatchObject({ status: 409, body: { type: 'Rollout.Refused' } });
  // What its form allows, and what stands or goes together does not.
  for (const body of [{ release: 'f'.repeat(64) }, { release: two, steps: [50, 20] }])
    expect(await begin(body)).toMatchObject({ status: 409, body: { type: 'Rollout.Refused' } });
  expect(await begin({ release: two, steps: [0] })).toMatchObject({ status: 422 });
  expect(await begin({ release: two, margins: { speed: 1 } })).toMatchObject({ status: 422 });
  expect(await begin({})).toMatchObject({ status: 422 });
  for (const at of ['/v1/agents/nobody/rollouts/newest', `${AT}/rollouts/rol_none`])
    expect(await api.ask('GET', at)).toMatchObject({ status: 404, body: { type: 'Rollout.NotFound' } });
  expect(await api.ask('POST', '/v1/agents/nobody/rollouts', { body: { release: two } })).toMatchObject({
    status: 404,
    body: { type: 'Agent.NotFound' },
  });
  expect(await api.ask('GET', '/v1/rollouts?agent=nobody')).toMatchObject({ status: 200, body: { rollouts: [] } });
  await serving.stop();
  expect(await begin({ release: two })).toMatchObject({ status: 503, body: { type: 'Worker.Absent' } });
  expect(await takes()).toBe(one);
});

test('a key may look with the scope read; what changes anything is for one that may administer, of all tenants', async () => {
  const keys = {
    reader: madeKey('reader', { scopes: ['read'] }),
    ofOne: madeKey('of-one', { scopes: ['administer'], tenants: ['acme'] }),
    elsewhere: madeKey('elsewhere', { scopes: ['administer'], agents: ['other'] }),
  };
  const served: UsedApi = await startTestApi(
    on.stack,
    Object.values(keys).map(({ known }) => known),
  );
  try {
    const ask = (method: string, at: string, key: keyof typeof keys, body?: unknown) =>
      served.ask(method, at, { key: keys[key].key, ...(body === undefined ? {} : { body }) });
    expect(await ask('GET', `${AT}/rollouts/newest`, 'reader')).toMatchObject({ status: 200 });
    for (const at of ['/v1/rollouts', `${AT}/rollouts/newest`])
      expect(await ask('GET', at, 'ofOne')).toMatchObject({ status: 403 });
    for (const key of ['reader', 'ofOne'] as const) {
      expect(await ask('POST', `${AT}/rollouts`, key, { release: two })).toMatchObject({ status: 403 });
      expect(await ask('POST', `${AT}/rollout/abort`, key)).toMatchObject({ status: 403 });
    }
    expect(await ask('GET', '/v1/rollouts', 'elsewhere')).toMatchObject({ body: { rollouts: [] } });
    expect(await ask('POST', `${AT}/rollout/abort`, 'elsewhere')).toMatchObject({ status: 404 });
  } finally {
    await served.close();
  }
});
