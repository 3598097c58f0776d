// Needs: free ports of this machine; the receivers are real. One delivery of a caller's webhook: where it may go, and what is tried again.
import { deliverWebhook, type WebhookDeps } from '../../activities/control/deliver-webhook';
import type { WebhookSending } from '../../activities/deps';
import { webhookHeaders, webhookSecrets } from '../../activities/http/webhook-signature';
import { createMemoryStore, type ContentStore } from '../../activities/store';
import { runRecordName, webhookName } from '../../activities/store/ref-names';
import { createMetrics } from '../../workers/telemetry';
import { webhookProblems, webhookSending } from '../../workers/webhook';
import { WEBHOOK_ATTEMPTS } from '../../workflows/contract/webhook';
import { WEBHOOK_SECRET, startWebhookReceiver, type WebhookReceiver } from '../stack/webhook-receiver';

const TOTALS = { turns: 1, modelCalls: 1, toolCalls: 0, reusedCalls: 0 };
const usage = { input: 0, cachedInput: 0, output: 0, reasoning: 0 };
const ENDED = { type: 'run.ended' } as const;
const INPUT = { watch: 'r', run: 'r', event: ENDED };

let receiver: WebhookReceiver;
beforeAll(async () => {
  receiver = await startWebhookReceiver({
    answer: (path) => {
      const [status, after = '90'] = path.slice(1).split('-');
      return { status: Number(status) || 204, headers: { location: `${receiver.url}/moved`, 'retry-after': after } };
    },
  });
});
afterAll(() => receiver.close());
beforeEach(() => void receiver.received.splice(0));

async function given(
  url: string,
  sending: Partial<WebhookSending> = {},
): Promise<WebhookDeps & { store: ContentStore }> {
  const store = createMemoryStore();
  const record = {
    ...{ schemaVersion: 1, id: 'r', agent: 'a', release: 'f'.repeat(64), tenant: 't', tags: [] },
    ...{ input: 'e'.repeat(64), question: 'secret question', startedAt: 1 },
    ended: { at: 2, outcome: 'completed', head: null, length: 0, firstRunId: 'x', totals: { ...TOTALS, usage } },
  };
  const webhook = { schemaVersion: 1, run: 'r', url, events: ['run.ended', 'run.asks'], at: 1 };
  await store.commit({
    refs: [
      { op: 'put', name: runRecordName('r'), value: record },
      { op: 'put', name: webhookName('r'), value: webhook },
    ],
  });
  const webhooks: WebhookSending = {
    secretsOf: () => webhookSecrets(WEBHOOK_SECRET),
    allowPrivate: ['127.0.0.0/8'],
    ...sending,
  };
  return { store, webhooks, now: Date.now };
}
const isKept = async ({ store }: WebhookDeps): Promise<boolean> =>
  (await store.readRef(webhookName('r'))) !== undefined;

test('what was told is forgotten, and is not told again', async () => {
  const deps = await given(`${receiver.url}/`);
  expect(await deliverWebhook(deps, INPUT, { number: 1 })).toBe('delivered');
  expect(await deliverWebhook(deps, INPUT, { number: 2 })).toBe('dropped');
  expect(receiver.received).toMatchObject([
    { isSigned: true, body: { type: 'run.ended', data: { outcome: 'completed' } } },
  ]);
});

test('an address that may not be reached is found where it is told: a name may have any', async () => {
  const port = new URL(receiver.url).port;
  for (const url of [`http://localhost:${port}/`, `https://localhost:${port}/`, receiver.url]) {
    const deps = await given(url, { allowPrivate: false });
    await expect(deliverWebhook(deps, INPUT, { number: 1 })).rejects.toMatchObject({
      type: 'Webhook.Refused',
      nonRetryable: true,
    });
    expect(await isKept(deps)).toBe(false);
  }
  expect(receiver.received).toEqual([]);
});

test.each([
  [301, 'Webhook.Undelivered', false],
  [404, 'Webhook.Undelivered', false],
  [410, 'Webhook.Refused', true],
  [503, 'Webhook.Undelivered', false],
])('answered with %d it is %s', async (status, type, nonRetryable) => {
  const deps = await given(`${receiver.url}/${status}`);
  await expect(deliverWebhook(deps, INPUT, { number: 1 })).rejects.toMatchObject({
    ...{ type, nonRetryable },
    ...(nonRetryable ? {} : { nextRetryDelay: 90_000 }),
  });
  // It is sent on to nobody.
  expect(receiver.received.map(({ path }) => path)).toEqual([`/${status}`]);
  expect(await isKept(deps)).toBe(!nonRetryable);
});

test.each([
  [1, '0', 1_000],
  [1, '2', 2_000],
  [3, '2', 16_000],
  [WEBHOOK_ATTEMPTS - 1, '2', 7_200_000],
  [1, '86400', 7_200_000],
])(
  'attempt %d, to come again after %s s, is followed by another after %d ms: attempts last a day, whatever is asked',
  async (number, after, ms) => {
    const deps = await given(`${receiver.url}/503-${after}`);
    await expect(deliverWebhook(deps, INPUT, { number })).rejects.toMatchObject({ nextRetryDelay: ms });
  },
);

test('one that nobody tries again is forgotten, and its address is in no error', async () => {
  const deps = await given('http://127.0.0.1:1/hidden-token');
  for (const [number, kept] of [
    [WEBHOOK_ATTEMPTS - 1, true],
    [WEBHOOK_ATTEMPTS, false],
  ] as const) {
    await expect(deliverWebhook(deps, INPUT, { number })).rejects.toMatchObject({
      type: 'Webhook.Undelivered',
      message: expect.not.stringMatching(/hidden-token|127\.0/) as string,
    });
    expect(await isKept(deps)).toBe(kept);
  }
});

test('without its secret it waits for a worker that has it', async () => {
  const sending = webhookSending({ secretEnv: 'HOOK', secretEnvs: { shop: 'SHOP' }, allowPrivate: false }, (name) =>
    name === 'SHOP' ? 'too-short' : undefined,
  );
  const deps = await given(receiver.url, { secretsOf: (key) => sending?.secretsOf(key) ?? [] });
  await expect(deliverWebhook(deps, INPUT, { number: 1 })).rejects.toMatchObject({
    type: 'Webhook.Undelivered',
    message: expect.stringContaining('HOOK') as string,
  });
  const problems = webhookProblems({ secretEnv: 'HOOK', secretEnvs: { shop: 'SHOP' }, allowPrivate: false }, sending);
  expect(problems).toEqual([expect.stringContaining('HOOK'), expect.stringContaining('SHOP')]);
  expect(problems.join()).not.toContain('too-short');
});

test('several secrets sign, so that a receiver may change from one to the other', () => {
  const other = `whsec_${Buffer.alloc(24, 1).toString('base64')}`;
  const of = (text: string): string[] =>
    (webhookHeaders({ id: 'msg_1', body: '{}', seconds: 1 }, webhookSecrets(text))['webhook-signature'] ?? '').split(
      ' ',
    );
  expect(of(`${other} ${WEBHOOK_SECRET}`)).toEqual([...of(other), ...of(WEBHOOK_SECRET)]);
});

test('attempts are counted by what came of them, and events that are given up', async () => {
  const { webhookCame, registry } = createMetrics();
  const attempt = async (path: string, number: number): Promise<unknown> =>
    await deliverWebhook({ ...(await given(`${receiver.url}${path}`)), webhookCame }, INPUT, { number }).catch(
      () => undefined,
    );
  await attempt('/', 1);
  await attempt('/503', 1);
  expect(await registry.metrics()).not.toContain('agent_webhooks_given_up_total{');
  await attempt('/503', WEBHOOK_ATTEMPTS);
  await attempt('/410', 1);
  const text = await registry.metrics();
  expect(text).toContain('agent_webhook_attempts_total{event="run.ended",came="delivered"} 1');
  expect(text).toContain('agent_webhook_attempts_total{event="run.ended",came="Webhook.Undelivered"} 2');
  expect(text).toContain('agent_webhooks_given_up_total{event="run.ended",failure="Webhook.Undelivered"} 1');
  expect(text).toContain('agent_webhooks_given_up_total{event="run.ended",failure="Webhook.Refused"} 1');
});
