// Needs a Temporal server (embedded, real) and the model server; receivers are real HTTP servers: callers are told of their runs.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import type { WebhookSettings } from '../../activities/define/api';
import { WEBHOOK_PREFIX } from '../../activities/store/ref-names';
import { webhookSending } from '../../workers/webhook';
import { webhookWorkflowId } from '../../workflows/contract/names';
import { until } from '../e2e/cli';
import { useStack } from '../stack/use-stack';
import { WEBHOOK_SECRET, startWebhookReceiver, type Received, type WebhookReceiver } from '../stack/webhook-receiver';
import { madeKey, startTestApi, useApi, type Told } from './given';

const pay = defineTool({
  name: 'pay',
  description: 'Pays.',
  input: z.object({ amount: z.number() }),
  output: z.object({}),
  effect: 'keyed',
  approval: {},
  run: () => ({}),
});
const greeter = defineAgent({ name: 'greeter', instructions: 'Greet.' });
const payer = defineAgent({ name: 'payer', instructions: 'Pay.', tools: [pay] });
const friend = defineAgent({ name: 'friend', instructions: 'Talk.', mode: 'session' });

const settings: WebhookSettings = { secretEnv: 'HOOK', secretEnvs: {}, allowPrivate: ['127.0.0.0/8'] };
const webhooks = webhookSending(settings, () => WEBHOOK_SECRET);
const on = useStack(
  {
    respond: ({ assistantTurns, toolNames }) =>
      toolNames.includes('pay') && assistantTurns === 0
        ? { calls: [{ name: 'pay', args: { amount: 7 } }] }
        : { text: 'the answer' },
  },
  {
    agents: [greeter, payer, friend],
    ...(webhooks ? { webhooks } : {}),
    approvers: { people: {}, allowUnsigned: true },
  },
);
const api = useApi(on, settings);
let receiver: WebhookReceiver;
beforeAll(async () => {
  receiver = await startWebhookReceiver({
    answer: (path, nth) => ({ status: path === '/twice-broken' && nth < 3 ? 500 : 204 }),
  });
});
afterAll(() => receiver.close());
jest.setTimeout(180_000);

const start = (path: string, body: object): Promise<Told> =>
  api.ask('POST', '/v1/runs', { body: { webhook: { url: `${receiver.url}${path}` }, ...body } });
const toldAt = (path: string): Received[] => receiver.received.filter((one) => one.path === path);
const isOver = async (watch: string): Promise<boolean> =>
  (await on.stack.temporal.workflow.getHandle(webhookWorkflowId(watch)).describe()).status.name === 'COMPLETED';
const kept = async (): Promise<string[]> =>
  (await on.stack.store.listRefs(WEBHOOK_PREFIX)).map(({ name }) => name.slice(WEBHOOK_PREFIX.length));

test('the end of a run is told once, signed, without what it answered; its address is in no history, and is forgotten', async () => {
  const path = '/hook?token=hidden-token';
  expect(await start(path, { agent: 'greeter', input: 'you', id: 'one', tags: ['a'] })).toMatchObject({ status: 202 });
  await until('it is told', () => toldAt(path).length > 0, 60_000);
  await until('its watch is over', () => isOver('one'), 60_000);
  const [told, ...more] = toldAt(path);
  expect(more).toEqual([]);
  expect(told).toMatchObject({
    isSigned: true,
    id: expect.stringMatching(/^msg_[\w-]{32}$/) as string,
    body: {
      type: 'run.ended',
      data: { run: 'one', agent: 'greeter', tenant: 'acme', tags: ['a'], outcome: 'completed' },
    },
  });
  expect(Date.parse(told?.body.timestamp ?? '')).toBe(told?.body.data['endedAt']);
  expect(JSON.stringify(told)).not.toContain('the answer');
  const histories = await Promise.all(
    ['one', webhookWorkflowId('one')].map((id) => on.stack.temporal.workflow.getHandle(id).fetchHistory()),
  );
  const text = histories.map((history) => Buffer.from(JSON.stringify(history)).toString()).join('');
  for (const secret of ['hidden-token', WEBHOOK_SECRET])
    for (const form of [secret, Buffer.from(secret).toString('base64').slice(0, 12)]) expect(text).not.toContain(form);
  expect(await kept()).not.toContain('one');
  // Asked for again it is the same run, that was told of.
  await start(path, { agent: 'greeter', input: 'you', id: 'one', tags: ['a'] });
  expect(await kept()).not.toContain('one');
  expect(toldAt(path)).toHaveLength(1);
});

test('a receiver that fails is told again, of the same event', async () => {
  await start('/twice-broken', { agent: 'greeter', input: 'you', id: 'broken' });
  await until('it is told for the third time', () => toldAt('/twice-broken').length === 3, 60_000);
  await until('its watch is over', () => isOver('broken'), 60_000);
  const told = toldAt('/twice-broken');
  expect(told.map(({ isSigned }) => isSigned)).toEqual([true, true, true]);
  expect(new Set(told.map(({ id }) => id)).size).toBe(1);
});

test('a question to people is told without its arguments, and then the end', async () => {
  await start('/asks', { agent: 'payer', input: 'pay', id: 'asking' });
  await until('the question is told', () => toldAt('/asks').length === 1, 60_000);
  const [asked] = toldAt('/asks');
  expect(asked).toMatchObject({
    isSigned: true,
    body: { type: 'run.asks', data: { run: 'asking', root: 'asking', number: 1, tool: 'pay' } },
  });
  expect(JSON.stringify(asked)).not.toContain('amount');
  const at = '/v1/runs/asking/requests/1/deny';
  expect((await api.ask('POST', at, { body: { args: asked?.body.data['args'] } })).status).toBe(202);
  await until('the end is told', () => toldAt('/asks').length === 2, 60_000);
  expect(toldAt('/asks')[1]).toMatchObject({ body: { type: 'run.ended', data: { outcome: 'completed' } } });
});

test('only what was asked for is told', async () => {
  const webhook = { url: `${receiver.url}/ended`, events: ['run.ended'] };
  await start('', { agent: 'payer', input: 'pay', id: 'chosen', webhook });
  await until('it asks', async () => (await api.ask('GET', '/v1/runs/chosen')).body['status'] === 'asking', 60_000);
  await api.ask('POST', '/v1/runs/chosen/cancel');
  await until('the end is told', () => toldAt('/ended').length > 0, 60_000);
  expect(toldAt('/ended')).toMatchObject([{ body: { type: 'run.ended', data: { outcome: 'cancelled' } } }]);
});

test('a run that was terminated is told of, and so is one that had ended before anybody asked to be told', async () => {
  const body = { agent: 'payer', input: 'pay', id: 'terminated' };
  await api.ask('POST', '/v1/runs', { body });
  await on.stack.temporal.workflow.getHandle('terminated').terminate('by hand');
  await start('/late', body);
  await until('it is told', () => toldAt('/late').length > 0, 60_000);
  expect(toldAt('/late')).toMatchObject([{ body: { data: { outcome: 'cancelled', failure: 'Run.Cancelled' } } }]);
});

test('the answer to a message of a session is told', async () => {
  const webhook = { url: `${receiver.url}/said` };
  const sent = await api.ask('POST', '/v1/sessions/talk/messages', {
    body: { agent: 'friend', input: 'hello', id: 'a', webhook },
  });
  expect(sent).toMatchObject({ status: 202, body: { run: 'talk/a' } });
  await until('it is told', () => toldAt('/said').length > 0, 60_000);
  expect(toldAt('/said')).toMatchObject([
    { isSigned: true, body: { type: 'run.ended', data: { run: 'talk/a', session: 'talk', outcome: 'completed' } } },
  ]);
});

test.each([
  ['plain http to elsewhere', 'http://example.com/hook'],
  ['an address of a cloud machine', 'https://169.254.169.254/latest'],
  ['a private address', 'https://10.0.0.7/hook'],
  ['another loopback address than was allowed', 'https://[::1]/hook'],
  ['a user in it', 'https://me:secret@example.com/hook'],
  ['another scheme', 'file:///etc/passwd'],
  ['no URL', 'hook'],
])('%s is refused', async (_, url) => {
  const body = { agent: 'greeter', input: 'x', id: 'refused', webhook: { url } };
  expect(await api.ask('POST', '/v1/runs', { body })).toMatchObject({
    status: 422,
    body: { type: 'Api.Invalid', errors: [{ pointer: '/webhook/url' }] },
  });
  expect((await api.ask('GET', '/v1/runs/refused')).status).toBe(404);
});

test('a key without a secret of its own, where there is none for all, is told nothing', async () => {
  const [own, none] = [madeKey('own', { scopes: ['start'] }), madeKey('none', { scopes: ['start'] })];
  const keyed = await startTestApi(on.stack, [own.known, none.known], {
    ...{ secretEnvs: { own: 'OWN' }, allowPrivate: ['127.0.0.0/8'] },
  });
  const ask = (key: string): Promise<Told> =>
    keyed.ask('POST', '/v1/runs', {
      ...{ key, body: { agent: 'greeter', input: 'x', webhook: { url: `${receiver.url}/own` } } },
    });
  expect(await ask(none.key)).toMatchObject({ status: 422, body: { errors: [{ pointer: '/webhook' }] } });
  expect(await ask(own.key)).toMatchObject({ status: 202 });
  await until('it is told', () => toldAt('/own').length > 0, 60_000);
  await keyed.close();
});
