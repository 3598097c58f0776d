// Needs a Temporal server (embedded, real) and the model server: what open pages cost that look again every few seconds, and what they are told.
import type { Client } from '@temporalio/client';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import type { ContentStore } from '../../activities/store';
import { subRunsOf } from '../../activities/store/ref-names';
import type { BudgetSettings } from '../../activities/gateway/quota/tenant-budgets';
import { configuredQuotas } from '../../client/cli/configured-quotas';
import { serveApi, type ApiServer } from '../../client/api/serve-api';
import { storeRun } from '../cli/store-run';
import { until } from '../e2e/cli';
import { useStack } from '../stack/use-stack';

const pay = defineTool({
  name: 'pay',
  description: 'Pays.',
  input: z.object({ amount: z.number() }),
  output: z.string(),
  effect: 'keyed',
  approval: {},
  run: () => 'paid',
});
const payer = defineAgent({ name: 'payer', instructions: 'Pay.', tools: [pay] });
const greeter = defineAgent({ name: 'greeter', instructions: 'Greet.' });
const budgets: BudgetSettings = {
  default: { windows: [{ of: 'tokens', perMs: 86_400_000, most: 1_000_000 }] },
  tenants: {},
};
const on = useStack(
  {
    respond: ({ assistantTurns, toolNames }) =>
      assistantTurns === 0 && toolNames.includes('pay')
        ? { calls: [{ name: 'pay', args: { amount: 5 } }] }
        : { text: 'done' },
  },
  { agents: [payer, greeter], budgets },
);
/** What the server asks of Temporal. */
const asked = { histories: 0, queries: 0 };
/** The run whose sub-agents the store does not tell before it is let go. */
const held: { id?: string; until: Promise<void> } = { until: Promise.resolve() };
let api: ApiServer;
beforeAll(async () => {
  const { stack } = on;
  api = await serveApi({
    ...{
      temporal: counting(stack.temporal),
      store: holding(stack.store),
      taskQueue: 'agents',
      tenant: 'acme',
      keys: [],
      port: 0,
    },
    quotas: configuredQuotas({ quotas: {}, budgets }),
    report: (error) => console.error(error),
  });
}, 120_000);
afterAll(() => api.close());
jest.setTimeout(180_000);

const holding = (store: ContentStore): ContentStore => ({
  ...store,
  listRefs: async (prefix, options) => {
    if (held.id !== undefined && prefix === subRunsOf(held.id)) await held.until;
    return await store.listRefs(prefix, options);
  },
});

/** The same client; reading histories and asking workflows is counted. */
function counting(temporal: Client): Client {
  const service = new Proxy(temporal.workflowService, {
    get: (target, name, self) => {
      if (name === 'getWorkflowExecutionHistory') asked.histories += 1;
      const value: unknown = Reflect.get(target, name, self);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  const workflow = new Proxy(temporal.workflow, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (name !== 'getHandle') return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      return (...of: Parameters<Client['workflow']['getHandle']>) => {
        const handle = target.getHandle(...of);
        const { query } = handle;
        handle.query = ((...what: Parameters<typeof query>) => {
          asked.queries += 1;
          return query.apply(handle, what);
        }) as typeof query;
        return handle;
      };
    },
  });
  return new Proxy(temporal, {
    get: (target, name) => {
      if (name === 'workflowService') return service;
      if (name === 'workflow') return workflow;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

interface Looked {
  status: number;
  text: string;
  version: string;
}

/** @param seen as an open page says it that looks again */
async function look(at: string, seen?: string): Promise<Looked> {
  const response = await fetch(api.url + at, seen === undefined ? {} : { headers: { 'if-none-match': `"${seen}"` } });
  const text = await response.text();
  return { status: response.status, text, version: /data-seen="([^"]*)"/.exec(text)?.[1] ?? '' };
}

async function asking(id: string): Promise<void> {
  const run = await on.stack.client.agent('payer').start('x', { id });
  await until('it asks', async () => (await run.requests()).length > 0, 60_000);
}

/** Between two of the times at which a run is made anew however little happens. */
const MADE_ANEW_MS = 15_000;
async function inOneVersion(body: () => Promise<void>): Promise<void> {
  for (;;) {
    const before = Math.floor(Date.now() / MADE_ANEW_MS);
    const failed = await body().then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    if (!failed) return;
    if (Math.floor(Date.now() / MADE_ANEW_MS) === before) throw failed.error;
  }
}

test('an open run of which nothing has changed is sent nothing, and its history is not read', async () => {
  await asking('still');
  await inOneVersion(async () => {
    const { version, text } = await look('/ui/runs/still');
    expect(version).toMatch(/^[\w-]{22}$/);
    expect(text).toContain('May it call');
    asked.histories = 0;
    for (let nth = 0; nth < 5; nth += 1)
      expect(await look('/ui/runs/still', version)).toEqual({ status: 304, text: '', version: '' });
    expect(asked.histories).toBe(0);
  });
  // Whoever opens it is told all, whatever it is they say of others.
  expect((await look('/ui/runs/still')).status).toBe(200);
});

test('once it has gone on it comes anew, and ten who look then have it read once', async () => {
  await asking('goes-on');
  const { version } = await look('/ui/runs/goes-on');
  const run = on.stack.client.run('goes-on');
  await run.pause('to see');
  await until('that is seen', async () => (await look('/ui/runs/goes-on', version)).status === 200);
  await inOneVersion(async () => {
    // One of its own history is what a run costs; what was seen before that is forgotten by a version that nobody has.
    asked.histories = 0;
    const one = await look('/ui/runs/goes-on');
    const alone = asked.histories;
    expect(alone).toBeGreaterThan(0);
    asked.histories = 0;
    const ten = await Promise.all(Array.from({ length: 10 }, () => look('/ui/runs/goes-on', version)));
    expect(ten.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    expect(ten.every(({ text }) => text.includes('paused'))).toBe(true);
    expect(ten[0]?.version).toBe(one.version);
    expect(asked.histories).toBeLessThanOrEqual(alone);
  });
});

test('what has ended looks no more', async () => {
  await (await on.stack.client.agent('greeter').start('hello', { id: 'over' })).result();
  const { text, version } = await look('/ui/runs/over');
  expect(text).not.toMatch(/data-live="\d/);
  expect(version).toBe('');
});

test('each part of a page that is open is there at the end of its run, and looks no more', async () => {
  await asking('comes-to-its-end');
  const parts = (text: string): string[] =>
    [...text.matchAll(/<div id="([^"]+)" data-live=/g)].map(([, part = '']) => part);
  const open = parts((await look('/ui/runs/comes-to-its-end')).text);
  expect(open).toContain('forms');
  const run = on.stack.client.run('comes-to-its-end');
  await run.cancel();
  await run.result();
  const { text } = await look('/ui/runs/comes-to-its-end');
  expect(parts(text)).toEqual(open);
  expect(text).not.toMatch(/data-live="\d/);
  expect(text).toContain('<div id="forms" data-live="" data-version="over">');
});

test('a run whose answer and release are gone has its page, and so have its calls', async () => {
  await storeRun(on.stack.store, { id: 'run_lost', lost: ['calling', 'output', 'release'] });
  const run = await look('/ui/runs/run_lost');
  expect(run.status).toBe(200);
  expect(run.text).toContain('Its answer cannot be read: it is not in the store any more');
  expect(run.text).toContain('class="waterfall"');
  const call = await look('/ui/runs/run_lost/calls/3');
  expect(call.status).toBe(200);
  expect(call.text).toContain('The release of the call cannot be read: it is not in the store any more');
  expect(call.text.replaceAll(/\s+/g, ' ')).toContain('Message 2 of what it was given cannot be read');
  const conversation = await look('/ui/runs/run_lost/conversation');
  expect(conversation.status).toBe(200);
  expect(conversation.text.replaceAll(/\s+/g, ' ')).toMatch(
    /<h2>1 user<\/h2>.*Message 2 cannot be read: it is not in the store any more.*<h2>3 tool/,
  );
});

test('a page whose calls too many wait for says so, and has them with the next look', async () => {
  await asking('many-wait');
  await storeRun(on.stack.store, { id: 'run_held' });
  let letGo = (): void => undefined;
  Object.assign(held, { id: 'run_held', until: new Promise<void>((resolve) => (letGo = resolve)) });
  const waiting = Array.from({ length: 20 }, () => fetch(`${api.url}/v1/runs/run_held/trace`));
  try {
    await until('there is no room', async () => (await fetch(`${api.url}/v1/runs/many-wait/trace`)).status === 503);
    const { status, text, version } = await look('/ui/runs/many-wait');
    expect({ status, version }).toEqual({ status: 200, version: '' });
    expect(text).toContain('20 are waiting already: come again.');
    expect(text).toContain('May it call');
  } finally {
    letGo();
    await Promise.all(waiting);
  }
  const { text, version } = await look('/ui/runs/many-wait', '');
  expect(text).not.toContain('are waiting already');
  expect(text).toContain('class="waterfall"');
  expect(version).toMatch(/^[\w-]{22}$/);
});

test('ten pages of queues and quotas ask each limit once', async () => {
  await (await on.stack.client.agent('greeter').start('hello', { id: 'spends' })).result();
  asked.queries = 0;
  await look('/ui/queues');
  const alone = asked.queries;
  expect(alone).toBeGreaterThan(0);
  asked.queries = 0;
  await Promise.all(Array.from({ length: 10 }, () => look('/ui/queues', '')));
  expect(asked.queries).toBeLessThanOrEqual(alone);
});

test('after an act nobody is told what was so before it', async () => {
  await asking('ends');
  const list = '/ui/runs?status=cancelled';
  const { text } = await look('/ui/inbox');
  const token = /name="token" value="([^"]+)"/.exec(text)?.[1] ?? '';
  expect((await look(list, '')).text).not.toContain('href="/ui/runs/ends"');
  const done = await fetch(`${api.url}/ui/runs/ends/cancel`, {
    ...{ method: 'POST', redirect: 'manual', headers: { origin: api.url } },
    body: new URLSearchParams({ token }),
  });
  expect([done.status, await done.text()]).toEqual([303, '']);
  await on.stack.client.run('ends').result();
  expect((await look(list, '')).text).toContain('href="/ui/runs/ends"');
});
