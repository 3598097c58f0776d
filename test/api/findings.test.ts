// Needs a Temporal server (embedded, real) and the model server; the webhook is a real HTTP server: agents that change are found by the watch,
// and the findings are listed with the runs that show them.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import type { WatchedRun } from '../../activities/watch/watched-run';
import { webhookSecrets } from '../../activities/http/webhook-signature';
import { findingsCommand } from '../../client/cli/commands/findings';
import { WORKFLOW_TYPES, controlQueue } from '../../workflows/contract/names';
import type { Finding } from '../../workflows/contract/schemas/finding';
import { told } from '../cli/given';
import { until } from '../e2e/cli';
import { script, type ModelRequest } from '../kit/model-server';
import { useStack } from '../stack/use-stack';
import { WEBHOOK_SECRET, startWebhookReceiver, type WebhookReceiver } from '../stack/webhook-receiver';
import { madeKey, startTestApi, useApi, type Told } from './given';

let isBroken = false;
const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({ at: z.number() }),
  output: z.string(),
  effect: 'read',
  retry: { attempts: 1 },
  run: ({ at }) => {
    if (isBroken) throw new Error('it is broken');
    return `page ${at}`;
  },
});
const gate = { open: (): void => undefined };
const hold = defineTool({
  name: 'hold',
  description: 'Holds.',
  input: z.object({}),
  output: z.string(),
  effect: 'read',
  run: () => new Promise<string>((resolve) => (gate.open = () => resolve('held'))),
});
const reader = defineAgent({ name: 'reader', instructions: 'Look.', tools: [look, hold], limits: { turns: 9 } });
const steady = defineAgent({ name: 'steady', instructions: 'Look.', tools: [look] });

function respond({ messages, assistantTurns }: ModelRequest) {
  const question = messages.find(({ role }) => role === 'user')?.text ?? '';
  const last = messages.at(-1)?.text ?? '';
  const turn = script();
  if (question.startsWith('round') && !last.includes('final answer')) return turn.call('look', { at: 1 }).turnAt(0);
  if (assistantTurns > 0 || question.startsWith('round')) return turn.answer('read').turnAt(0);
  return (question.startsWith('much') ? turn.call('hold', {}) : turn.call('look', { at: 1 })).turnAt(0);
}

const hook = { url: '', secrets: webhookSecrets(WEBHOOK_SECRET) };
const on = useStack(
  { respond },
  { agents: [reader, steady], watch: { everyMs: 3_600_000, falseAlarms: 0.01, tokensTimes: 10, webhook: hook } },
);
const api = useApi(on);
let receiver: WebhookReceiver;
beforeAll(async () => {
  // The first is not taken: it is told again.
  receiver = await startWebhookReceiver({ answer: (_, nth) => ({ status: nth === 1 ? 500 : 204 }) });
  hook.url = `${receiver.url}/findings`;
});
afterAll(() => receiver.close());
jest.setTimeout(240_000);

const AT_ONCE = 10;
async function runMany(agent: 'reader' | 'steady', name: string, count: number): Promise<void> {
  for (let at = 0; at < count; at += AT_ONCE)
    await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, count - at) }, async (_, nth) => {
        const run = await on.stack.client.agent(agent).start('look', { id: `${name}-${at + nth}` });
        await run.result();
      }),
    );
}

const found = async (key?: string): Promise<Finding[]> => {
  const { body }: Told = await api.ask('GET', '/v1/findings', key === undefined ? {} : { key });
  return body['findings'] as Finding[];
};
const counted = async (labels: { [name: string]: string }, name = 'agent_anomalies_found_total'): Promise<number> => {
  const metric = await on.stack.metrics.registry.getSingleMetric(name)?.get();
  return (metric?.values ?? [])
    .filter(({ labels: of }) => Object.entries(labels).every(([name, value]) => of[name] === value))
    .reduce((sum, { value }) => sum + value, 0);
};
const deliveries = (labels: { [name: string]: string }): Promise<number> =>
  counted(labels, 'agent_webhook_attempts_total');
const watched = async (agent: string): Promise<number> =>
  (await on.stack.store.listRefs(`watched/run/${agent}/`)).map(({ value }) => value as WatchedRun).length;

/**
 * The schedule's own looks are an hour apart, and test/workflows/watch-schedule.test.ts is about them: a server that is just up may take a minute
 * until its schedules begin anything.
 */
const lookNow = (): Promise<unknown> =>
  on.stack.temporal.workflow.execute(WORKFLOW_TYPES.agentWatch, {
    taskQueue: controlQueue('agents'),
    workflowId: `watch/by-hand-${randomUUID()}`,
    args: [{ schemaVersion: 1 }],
  });
async function takenIn(runs: { [agent: string]: number }): Promise<void> {
  await lookNow();
  const taken = Object.keys(runs).map(async (agent) => [agent, await watched(agent)] as const);
  expect(Object.fromEntries(await Promise.all(taken))).toEqual(runs);
}

test('a tool that begins to fail is found, with its runs; the webhook is told, and the metric counts', async () => {
  await runMany('reader', 'before', 60);
  await runMany('steady', 'steady', 70);
  await takenIn({ reader: 60, steady: 70 });
  expect(await found()).toEqual([]);
  isBroken = true;
  await runMany('reader', 'after', 20);
  isBroken = false;
  await takenIn({ reader: 80 });

  const all = await found();
  const finding = all.find(({ metric }) => metric === 'tool-failed:look');
  expect(finding).toMatchObject({ agent: 'reader', of: 'share', direction: 'up', before: 0, after: 1 });
  expect(finding?.compared?.window).toBeGreaterThanOrEqual(10);
  expect(finding?.runs.length).toBe(10);
  for (const run of finding?.runs ?? []) expect(run).toMatch(/^after-/);
  // Of the agent that stayed as it was nothing is said; of the other one thing, with what follows of it, and nothing of what has not changed.
  expect(all.map(({ agent, metric }) => `${agent} ${metric}`)).toEqual(['reader tool-failed:look']);
  const also = (finding?.also ?? []).map(({ metric }) => metric);
  expect(also).toContain('failure:Tool.Failed');
  expect(also).not.toContain('completed');

  expect(await counted({ agent: 'reader', metric: 'tool-failed:look', direction: 'up' })).toBe(1);
  const ofIt = () => receiver.received.filter(({ body }) => body.data['id'] === finding?.id);
  expect(ofIt().at(-1)).toMatchObject({
    isSigned: true,
    body: { type: 'finding', data: { metric: 'tool-failed:look' } },
  });
  // The first time it was not taken.
  expect(await deliveries({ event: 'finding', came: 'Webhook.Undelivered' })).toBe(1);
  await lookNow();
  expect(ofIt()).toHaveLength(2);
  expect(await deliveries({ event: 'finding', came: 'delivered' })).toBe(1);
  const lineOf = (): string | undefined =>
    readFileSync(on.stack.logFile, 'utf8')
      .split('\n')
      .find((one) => one.includes('the webhook of findings has not taken one'));
  await until('it is logged', () => lineOf() !== undefined, 60_000);
  const line = lineOf();
  expect(JSON.parse(line ?? '{}')).toMatchObject({ finding: finding?.id, came: 500, isGivenUp: false });
});

test('findings are listed by the command line too, and by the API to whom they are for', async () => {
  const env = { LONGHAUL_STORE: `lmdb:${on.stack.stateDir}/store` };
  const json = await told(on.stack.stateDir, (context) => findingsCommand(context, { limit: 20 }), { json: true, env });
  const listed = JSON.parse(json.stdout) as { findings: { metric: string }[]; more: boolean };
  expect(json.code).toBe(0);
  expect(listed.findings.map(({ metric }) => metric)).toContain('tool-failed:look');
  const text = await told(on.stack.stateDir, (context) => findingsCommand(context, { limit: 20 }), { env });
  expect(text.stdout).toMatch(/fnd_\w+ {2}reader {2}tool-failed:look up, 0 % → 100 %/);
  expect(text.stdout).toMatch(/^ {4}also .*failure:Tool\.Failed up, 0 % → 100 %/m);
  const none = await told(on.stack.stateDir, (context) => findingsCommand(context, { agent: '../x', limit: 20 }), {
    env,
  });
  expect(none).toMatchObject({ code: 0, stdout: '' });

  const ofTenant = madeKey('tenant', { scopes: ['read'], tenants: ['globex'] });
  const ofAgent = madeKey('agent', { scopes: ['read'], agents: ['steady'] });
  const starter = madeKey('starter', { scopes: ['start'] });
  const keyed = await startTestApi(on.stack, [ofTenant.known, ofAgent.known, starter.known]);
  for (const { key } of [ofTenant, ofAgent]) {
    const { status, body } = await keyed.ask('GET', '/v1/findings', { key });
    expect({ status, findings: body['findings'] }).toEqual({ status: 200, findings: [] });
  }
  expect((await keyed.ask('GET', '/v1/findings', { key: starter.key })).status).toBe(403);
  await keyed.close();
  expect((await api.ask('GET', '/v1/findings?limit=0')).status).toBe(422);
});

test('a run under way at ten times the tokens of the others is found before it ends', async () => {
  const run = await on.stack.client
    .agent<typeof reader>('reader')
    .start(`much ${'words and '.repeat(4_000)}`, { id: 'greedy' });
  // Its call is under way by then, or a later look finds it.
  await until(
    'it is found',
    async () => {
      await lookNow();
      return (await found()).some(({ metric }) => metric === 'run-tokens');
    },
    60_000,
  );
  const finding = (await found()).find(({ metric }) => metric === 'run-tokens');
  expect(finding).toMatchObject({ agent: 'reader', of: 'run', direction: 'up', runs: ['greedy'] });
  expect(finding?.after).toBeGreaterThanOrEqual(10 * (finding?.before ?? Infinity));
  expect((await api.ask('GET', '/v1/runs/greedy')).body['status']).toBe('running');
  gate.open();
  expect((await run.result()).outcome).toBe('completed');
  expect(await counted({ metric: 'run-tokens' })).toBe(1);
});

test('a run that goes round in circles is found when the model is told', async () => {
  const run = await on.stack.client.agent<typeof reader>('reader').start('round and round', { id: 'circling' });
  await run.result();
  const [finding] = (await found()).filter(({ metric }) => metric.startsWith('loop-'));
  expect(finding).toMatchObject({ agent: 'reader', of: 'run', runs: ['circling'] });
  expect(finding?.why).toContain('look was called');
  expect(await counted({ metric: 'loop-repeats' })).toBe(1);
});
