// `npm run screenshots`: the pictures of the README, of a real system that has something to show: agents, a model server, and a browser.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { z } from 'zod';
import { createPrices } from '../../activities/gateway/money/prices';
import { defineAgent, defineTool } from '../../activities/define';
import type { RefWrite } from '../../activities/store/port';
import { callRecordName, findingName, runRecordName } from '../../activities/store/ref-names';
import { callsOf } from '../../activities/store/run-calls';
import { runEntry } from '../../activities/store/run-index';
import { scoreRun } from '../../client/scores/score-run';
import type { Finding } from '../../workflows/contract/schemas/finding';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { startModelServer, type ModelServerOptions } from '../kit/model-server';
import { startTestApi } from '../api/given';
import { startTestStack, type TestStack } from '../stack/test-stack';
import { openPage, startBrowser } from './browser';

const FOLDER = path.join(__dirname, '../../infra/screenshots');
const SIZE = { width: 1_180, height: 640 };

const orders = defineTool({
  name: 'find_orders',
  description: 'Orders of a customer.',
  input: z.object({ customer: z.string() }),
  output: z.object({ orders: z.array(z.string()) }),
  effect: 'read',
  run: async ({ customer }) => {
    await after(320);
    return { orders: [`${customer}-1041`, `${customer}-1077`] };
  },
});
const policy = defineTool({
  name: 'read_policy',
  description: 'The rules of a topic.',
  input: z.object({ topic: z.string() }),
  output: z.object({ text: z.string() }),
  effect: 'read',
  run: async () => {
    await after(180);
    return { text: 'Damaged on arrival: refund in full within 30 days.' };
  },
});
const refund = defineTool({
  name: 'refund',
  description: 'Gives money back.',
  input: z.object({ order: z.string(), dollars: z.number(), reason: z.string() }),
  output: z.object({ receipt: z.string() }),
  effect: 'keyed',
  approval: {},
  run: ({ order }) => ({ receipt: `refund of ${order}` }),
});
const support = defineAgent({
  name: 'support',
  description: 'Answers customers, and refunds what the rules allow.',
  instructions: 'Look up the order and the rules before you refund.',
  tools: [orders, policy, refund],
});
const summary = defineAgent({ name: 'summary', description: 'Sums up a case.', instructions: 'Sum it up.' });

const respond: NonNullable<ModelServerOptions['respond']> = async ({ assistantTurns, toolNames, messages, nth }) => {
  await after(350 + (nth % 4) * 160);
  const asked = messages.find(({ role }) => role === 'user')?.text ?? '';
  const usage = { input: 1_840 + 410 * assistantTurns, output: 130 + 20 * (nth % 5), cachedInput: 1_024 };
  if (!toolNames.includes('refund')) return { text: 'The customer was refunded in full.', usage };
  if (assistantTurns === 0)
    return {
      usage,
      calls: [
        { name: 'find_orders', args: { customer: 'C-88' } },
        { name: 'read_policy', args: { topic: 'damaged on arrival' } },
      ],
    };
  if (assistantTurns === 1 && asked.includes('broken'))
    return { usage, calls: [{ name: 'refund', args: { order: 'C-88-1077', dollars: 129.9, reason: asked } }] };
  const isRefund = asked.includes('broken');
  const text = isRefund
    ? 'I am sorry: $129.90 are on their way back to you.'
    : 'The carrier has it since this morning.';
  return { text, usage };
};

async function fill({ client }: TestStack): Promise<void> {
  const ended = [
    ['support', 'case-2041', 'Where is my order?', 'acme'],
    ['summary', 'case-2042', 'Sum up case 2041.', 'acme'],
    ['support', 'case-2043', 'The lamp came broken.', 'globex'],
    ['support', 'case-2044', 'When will it arrive?', 'acme'],
    ['support', 'case-2045', 'Can I change the address?', 'acme'],
  ] as const;
  for (const [agent, id, question, tenant] of ended) {
    const run = await client.agent(agent).start(question, { id, tenant, tags: ['mail'] });
    if (question.includes('broken')) {
      await until(async () => (await run.requests()).length > 0);
      await run.approve(1, { reason: 'photos seen' });
    }
    await run.result();
  }
  const held = await client.agent('support').start('My lamp arrived broken, please refund it.', {
    id: 'case-2046',
    tags: ['mail'],
  });
  await until(async () => (await held.requests()).length > 0);
}

const DAY_MS = 86_400_000;
const DAYS = 14;
/** On which another release took over, which needs more. */
const CHANGED = 9;

/** Two weeks of runs as their records tell them, and what a watch finds of those. */
async function remember({ store, client }: TestStack): Promise<void> {
  const record = await client.run('case-2041').record();
  const { ended } = record;
  if (!ended) throw new Error('case 2041 has not ended.');
  const before = createHash('sha256').update('before').digest('hex');
  const now = Date.now();
  const runs = Array.from({ length: DAYS * 12 }, (_, nth): RunRecord => {
    const day = Math.floor(nth / 12);
    const startedAt = now - (DAYS - day) * DAY_MS + (nth % 12) * 3_600_000;
    const more = (day < CHANGED ? 1 : 1.5) * (0.8 + 0.05 * ((nth * 7) % 9));
    const { usage } = ended.totals;
    const isFailed = (nth * 5) % (day < CHANGED ? 23 : 11) === 0;
    const end = {
      ...{
        ...ended,
        firstRunId: `first-${nth}`,
        at: startedAt + Math.round(3_000 * more),
        outcome: isFailed ? ('failed' as const) : ended.outcome,
      },
      ...(isFailed ? { failure: { type: 'Model.Timeout' as const, message: 'late' } } : {}),
      totals: {
        ...ended.totals,
        turns: Math.round(3 * more),
        usage: { ...usage, input: Math.round(usage.input * more) },
      },
    };
    return { ...record, id: `mail-${nth}`, startedAt, release: day < CHANGED ? before : record.release, ended: end };
  });
  const finding: Finding = {
    ...{ schemaVersion: 1, id: 'fnd_mail', agent: 'support', release: record.release, against: before },
    ...{ metric: 'tokens', of: 'number', direction: 'up', before: 4_350, after: 6_480, chance: 0.000_002 },
    ...{ compared: { window: 40, baseline: 108 }, at: now - 3 * DAY_MS, seenAt: now - DAY_MS },
    runs: ['mail-131', 'mail-149', 'mail-158'].map((id) => ({ id, tenant: record.tenant })),
  };
  const { calls } = await callsOf(store, ended.firstRunId);
  const callsAt = (run: RunRecord, nth: number): RefWrite[] =>
    calls.map(({ fork, turn, index, record: call }) => ({
      ...{ op: 'put', name: callRecordName({ run: `first-${nth}`, fork, turn, index }) },
      value: {
        ...call,
        startedAt: run.startedAt + call.startedAt - record.startedAt,
        endedAt: run.startedAt + call.endedAt - record.startedAt,
        ...(call.kind === 'tool' && (nth * 3) % (nth < 12 * CHANGED ? 31 : 8) === 0
          ? { result: { ...call.result, failure: 'Tool.Timeout' } }
          : {}),
      },
    }));
  for (const [nth, run] of runs.entries()) await store.commit({ refs: callsAt(run, nth) });
  await store.commit({
    refs: [
      ...runs.flatMap((run) => [{ op: 'put' as const, name: runRecordName(run.id), value: run }, runEntry(run)]),
      { op: 'put', name: findingName('support', finding.id), value: finding },
    ],
  });
  for (const [nth, value] of [0.9, 0.8, 1, 0.6, 0.7].entries())
    await scoreRun(store, `mail-${150 + nth}`, { name: 'helpful', value, by: 'ana' });
}

async function until(there: () => Promise<boolean>): Promise<void> {
  while (!(await there())) await after(200);
}

async function main(): Promise<void> {
  const model = await startModelServer({ respond });
  const prices = createPrices({ prices: { 'test/model': { input: 2, cachedInput: 0.5, output: 8 } }, providers: [] });
  const stack = await startTestStack({ agents: [support, summary], modelUrl: model.url, prices });
  const api = await startTestApi(stack);
  const browser = await startBrowser();
  try {
    await fill(stack);
    await remember(stack);
    for (const [name, at, colorScheme] of [
      ['runs-light', '/ui/runs', 'light'],
      ['run-light', '/ui/runs/case-2043', 'light'],
      ['run-dark', '/ui/runs/case-2043', 'dark'],
      ['inbox-dark', '/ui/inbox', 'dark'],
      ['agent-light', '/ui/agents/support', 'light'],
    ] as const) {
      const { page, close } = await openPage(browser, { colorScheme, viewport: SIZE });
      await page.goto(api.url + at);
      await page.screenshot({ path: path.join(FOLDER, `${name}.png`), fullPage: /^\/ui\/(runs|agents)\//.test(at) });
      console.log(`infra/screenshots/${name}.png`);
      await close();
    }
  } finally {
    await browser.close();
    await api.close();
    await stack.close();
    await model.close();
  }
}

void main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
