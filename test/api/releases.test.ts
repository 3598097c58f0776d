// Needs a Temporal server (embedded, real) and the model server: releases of an agent, who takes them, and the way back, over HTTP.
import { defineAgent } from '../../activities/define';
import { changeTraffic } from '../../activities/store/change-traffic';
import { readPointer } from '../../activities/store/pick-release';
import { script } from '../kit/model-server';
import { useStack } from '../stack/use-stack';
import { madeKey, startTestApi, useApi, type Told, type UsedApi } from './given';

jest.setTimeout(120_000);

const version = (nth: number) => defineAgent({ name: 'teller', instructions: `You are version ${nth}.` });
const on = useStack({ respond: () => script().answer('yes').turnAt(0) }, { agents: [version(1)] });
const api = useApi(on);
const AT = '/v1/agents/teller';

let one: string;
let two: string;
const takes = async (): Promise<string> => (await readPointer(on.stack.store, 'teller'))?.pointer.release ?? '';
beforeAll(async () => {
  one = await takes();
  await on.stack.publish([version(2)]);
  two = await takes();
});
beforeEach(async () => {
  for (const release of [one, two])
    await changeTraffic(on.stack.store, 'teller', { kind: 'release', release }, { by: 'ada' });
});

test('the releases of an agent and their shares; who changed what new runs take', async () => {
  expect(await api.ask('GET', `${AT}/releases`)).toMatchObject({
    status: 200,
    body: {
      agent: 'teller',
      managed: true,
      releases: [
        { release: two, share: 1 },
        { release: one, share: 0 },
      ],
    },
  });
  const { status, body }: Told = await api.ask('GET', `${AT}/traffic?limit=1`);
  expect([status, body]).toMatchObject([
    200,
    { now: { release: two }, changes: [{ change: 'release', by: 'ada', after: { release: two } }], more: true },
  ]);
});

test('rolled back: the next run takes the release before; done twice it is done once', async () => {
  const back = await api.ask('POST', `${AT}/rollback`, { body: { why: 'it is worse' } });
  expect(back).toMatchObject({
    status: 200,
    body: { release: one, withdrawn: [two], change: { change: 'rollback', why: 'it is worse' }, open: 0 },
  });
  const run = await on.stack.client.agent('teller').start('hello');
  expect(await run.record()).toMatchObject({ release: one });
  expect(await api.ask('POST', `${AT}/rollback`)).toMatchObject({ status: 409, body: { type: 'Traffic.Refused' } });
  const named = await api.ask('POST', `${AT}/rollback`, { body: { to: two.slice(0, 12), running: 'cancel' } });
  expect(named).toMatchObject({ status: 200, body: { release: two, cancelled: { failed: [] } } });
  const moving = await api.ask('POST', `${AT}/rollback`, { body: { to: one.slice(0, 12), running: 'move' } });
  expect(moving).toMatchObject({ status: 200, body: { release: one, moved: { moved: [], stayed: [] } } });
  await api.ask('POST', `${AT}/rollback`, { body: { to: two.slice(0, 12) } });
});

test('an agent, a release and a place that are not there', async () => {
  for (const [method, at] of [
    ['GET', 'releases'],
    ['GET', 'traffic'],
    ['POST', 'rollback'],
  ] as const)
    expect(await api.ask(method, `/v1/agents/nobody/${at}`)).toMatchObject({
      status: 404,
      body: { type: 'Agent.NotFound' },
    });
  const unknown = await api.ask('POST', `${AT}/rollback`, { body: { to: 'f'.repeat(64) } });
  expect(unknown).toMatchObject({ status: 409, body: { type: 'Traffic.Refused' } });
  expect(await api.ask('POST', `${AT}/rollback`, { body: { running: 'vanish' } })).toMatchObject({ status: 422 });
  expect(await takes()).toBe(two);
});

test('a key may look with the scope read; the way back is for one that may administer, of all tenants, and it is named', async () => {
  const keys = {
    reader: madeKey('reader', { scopes: ['read'] }),
    ofOne: madeKey('of-one', { scopes: ['administer'], tenants: ['acme'] }),
    operator: madeKey('operator', { scopes: ['administer'] }),
    elsewhere: madeKey('elsewhere', { scopes: ['administer'], agents: ['other'] }),
  };
  const served: UsedApi = await startTestApi(
    on.stack,
    Object.values(keys).map(({ known }) => known),
  );
  try {
    const ask = (method: string, at: string, key: keyof typeof keys) =>
      served.ask(method, `${AT}/${at}`, { key: keys[key].key });
    expect(await ask('GET', 'releases', 'reader')).toMatchObject({ status: 200 });
    const ofOne = await ask('GET', 'releases', 'ofOne');
    expect(JSON.stringify(ofOne.body)).not.toContain('"runs"');
    for (const key of ['reader', 'ofOne'] as const)
      expect(await ask('POST', 'rollback', key)).toMatchObject({ status: 403, body: { type: 'Api.Forbidden' } });
    expect(await ask('POST', 'rollback', 'elsewhere')).toMatchObject({ status: 404 });
    expect(await takes()).toBe(two);
    expect(await ask('POST', 'rollback', 'operator')).toMatchObject({
      status: 200,
      body: { change: { by: 'operator' } },
    });
  } finally {
    await served.close();
  }
});
