// Needs a Temporal CLI, which an embedded server is started from. Runs that wait for a place, on a real server: in which order they begin, and
// what becomes of them while they wait.
import { defineAgent } from '../../activities/define';
import { queuesCommand } from '../../client/cli/commands/queues';
import { createContext, type CliContext, type Connected } from '../../client/cli/context';
import { errorCode, exitCodeOfError } from '../../client/cli/exit-codes';
import { createOutput } from '../../client/cli/output';
import { submitCommand } from '../../client/cli/submit';
import { ClientError } from '../../client/errors';
import type { RunHandle } from '../../client/run-handle';
import { QUERY_NAMES, queueId } from '../../workflows/contract/names';
import type { QueueView } from '../../workflows/contract/queue';
import type { PublishedQueue } from '../../workflows/contract/schemas/queue';
import { loadSettings } from '../../workers/config';
import { keptStream, testProject } from '../cli/given';
import { script } from '../kit/model-server';
import { useStack } from '../stack/use-stack';
import { until } from '../stack/until';

jest.setTimeout(180_000);

const queue = (given: Partial<PublishedQueue>): PublishedQueue => ({
  ...{ depth: 100, concurrency: 1, weights: {}, shards: 1, degrade: [] },
  ...given,
});
const QUEUES = {
  single: queue({}),
  small: queue({ depth: 3 }),
  brief: queue({ ttlMs: 1_500 }),
  less: queue({ depth: 10, degrade: [{ above: 0.3, limits: { turns: 2, tokens: 900 } }] }),
  split: queue({ shards: 2, concurrency: 2 }),
};
const agentIn = <const Name extends string>(name: Name) =>
  defineAgent({ name, instructions: 'Say.', queue: name, limits: { turns: 10, toolCalls: 7 } });
const [single, small, brief, less, split] = [
  agentIn('single'),
  agentIn('small'),
  agentIn('brief'),
  agentIn('less'),
  agentIn('split'),
];

/** Runs go on until they are let go, each by what it was asked. */
const held = new Map<string, () => void>();
const open = new Set<string>();
const letGo = async (question: string): Promise<void> => {
  await until(() => held.has(question), 60_000);
  open.add(question);
  held.get(question)?.();
};
const respond = async ({ messages }: { messages: readonly { role: string; content?: unknown }[] }) => {
  const question = JSON.stringify(messages).match(/ask-[\w-]+/)?.[0] ?? '';
  // One that is asked a second time, because its worker was too busy to beat, was let go already.
  if (!open.has(question)) await new Promise<void>((resolve) => held.set(question, resolve));
  return script().answer('said');
};
const used = useStack(
  { respond },
  {
    agents: [single, small, brief, less, split],
    queues: QUEUES,
  },
);

const start = (agent: string, question: string, options = {}): Promise<RunHandle<unknown>> =>
  used.stack.client.agent(agent).start(question, options);
const viewOf = (name: string): Promise<QueueView> =>
  used.stack.temporal.workflow.getHandle(queueId('agents', name, 0)).query<QueueView>(QUERY_NAMES.queue);
const startedAt = async (run: RunHandle<unknown>): Promise<number> =>
  (await used.stack.temporal.workflow.getHandle(run.id).describe()).startTime.getTime();

test('runs wait for the one place, are told where they stand, and begin in their order, the urgent one first', async () => {
  const first = await start('single', 'ask-a1');
  await until(() => held.has('ask-a1'));
  const second = await start('single', 'ask-a2');
  const third = await start('single', 'ask-a3');
  const urgent = await start('single', 'ask-a4', { priority: 'high', limits: { turns: 3 } });
  expect([second.queued?.position, third.queued?.position, urgent.queued?.position]).toEqual([1, 2, 1]);
  expect(await third.place()).toMatchObject({ position: 3 });
  expect(await first.place()).toBeUndefined();
  await expect(second.progress()).rejects.toMatchObject({ code: 'refused' });
  // Who gives up waiting for a run that waits is told of no end.
  await expect(third.result({ signal: AbortSignal.timeout(100) })).rejects.toMatchObject({ name: 'TimeoutError' });
  const seen: string[] = [];
  const watched = (async () => {
    for await (const event of third.events())
      seen.push(event.type === 'queued' ? `place ${event.place.position}` : event.type);
  })();
  for (const question of ['ask-a1', 'ask-a4', 'ask-a2', 'ask-a3']) await letGo(question);
  const results = await Promise.all([first, second, third, urgent].map((run) => run.result()));
  expect(results.map(({ outcome }) => outcome)).toEqual(['completed', 'completed', 'completed', 'completed']);
  await watched;
  expect(seen[0]).toBe('place 3');
  expect(seen).toContain('step');
  const [at1, at2, at3, at4] = await Promise.all([first, second, third, urgent].map(startedAt));
  expect([at1, at4, at2, at3]).toEqual([at1, at2, at3, at4].sort((one = 0, other = 0) => one - other));
  expect(await urgent.progress()).toMatchObject({ limits: { turns: 3, toolCalls: 7 } });
  expect(await third.record()).toMatchObject({ queue: { name: 'single', workflow: 'queue/agents/single/0' } });
  await until(async () => (await viewOf('single')).running === 0);
  expect(await viewOf('single')).toMatchObject({ depth: 0, running: 0, counts: { accepted: 4, begun: 4, refused: 0 } });
});

test('a full queue refuses, says when to try again, and keeps nothing of what it refused; the same id is taken later', async () => {
  await start('small', 'ask-b0');
  await until(() => held.has('ask-b0'));
  const waiting = await Promise.all(['ask-b1', 'ask-b2', 'ask-b3'].map((question) => start('small', question)));
  const refused = await start('small', 'ask-b4', { id: 'again' }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ClientError);
  expect(refused).toMatchObject({ code: 'queue-full', message: expect.stringMatching(/"small" is full: 3 runs wait/) });
  expect((refused as ClientError).retryAfterMs).toBeGreaterThanOrEqual(1_000);
  await expect(used.stack.client.run('again').record()).rejects.toMatchObject({ code: 'run-not-found' });
  await letGo('ask-b0');
  await until(() => held.has('ask-b1'));
  const again = await start('small', 'ask-b4', { id: 'again' });
  expect(again.queued).toMatchObject({ position: 3 });
  const twice = await start('small', 'ask-b4', { id: 'again' });
  expect(twice.queued).toMatchObject({ position: 3 });
  for (const question of ['ask-b1', 'ask-b2', 'ask-b3', 'ask-b4']) await letGo(question);
  const results = await Promise.all([...waiting, again].map((run) => run.result()));
  expect(results.every(({ outcome }) => outcome === 'completed')).toBe(true);
  expect((await start('small', 'ask-b4', { id: 'again' })).queued).toBeUndefined();
});

test('a run that is cancelled while it waits has ended, with the reason, and never begins', async () => {
  const first = await start('single', 'ask-c1');
  await until(() => held.has('ask-c1'));
  const second = await start('single', 'ask-c2');
  const third = await start('single', 'ask-c3');
  expect(await second.cancel('not any more')).toEqual({ reasonKept: true });
  const result = await second.result();
  expect(result).toMatchObject({ outcome: 'cancelled', failure: { type: 'Run.Cancelled', message: 'not any more' } });
  expect(await third.place()).toMatchObject({ position: 1 });
  await letGo('ask-c1');
  await letGo('ask-c3');
  await Promise.all([first.result(), third.result()]);
  expect(held.has('ask-c2')).toBe(false);
  await expect(second.cancel('once more')).rejects.toMatchObject({ code: 'refused' });
});

test('whatever is said to a queue, it goes on: reasons of any length, and signals and requests that say nothing', async () => {
  const first = await start('single', 'ask-i1');
  await until(() => held.has('ask-i1'));
  const line = used.stack.temporal.workflow.getHandle(queueId('agents', 'single', 0));
  await line.signal('runEnded');
  for (const said of [{}, { run: 'x' }, { run: 'x', failure: { type: 'Odd', message: 'x' } }])
    await expect(line.executeUpdate('withdraw', { args: [said] })).rejects.toMatchObject({
      cause: { message: 'it names a run, and the failure that its record shows.' },
    });
  // As they were said they would be more than Temporal takes at once.
  const waiting = await Promise.all(['a', 'b', 'c', 'd'].map((nth) => start('single', `ask-i2${nth}`)));
  await Promise.all(waiting.map((run) => run.cancel('because '.repeat(150_000))));
  const [result] = await Promise.all(waiting.map((run) => run.result()));
  expect(result).toMatchObject({ outcome: 'cancelled', failure: { message: expect.stringMatching(/^because/) } });
  await letGo('ask-i1');
  expect(await first.result()).toMatchObject({ outcome: 'completed' });
});

test('a run that has waited for as long as it may is ended, and says so', async () => {
  const first = await start('brief', 'ask-d1');
  await until(() => held.has('ask-d1'));
  const second = await start('brief', 'ask-d2');
  const result = await second.result();
  expect(result).toMatchObject({ outcome: 'failed', failure: { type: 'Queue.Expired' } });
  expect(await second.record()).toMatchObject({ ended: { firstRunId: '', totals: { modelCalls: 0 } } });
  await letGo('ask-d1');
  expect(await first.result()).toMatchObject({ outcome: 'completed' });
  expect((await viewOf('brief')).counts).toMatchObject({ expired: 1 });
});

test('under load runs begin with less, by the declared step, and their records say so', async () => {
  const runs: RunHandle<unknown>[] = [];
  for (let nth = 0; nth < 6; nth += 1) runs.push(await start('less', `ask-e${nth}`));
  for (let nth = 0; nth < 6; nth += 1) await letGo(`ask-e${nth}`);
  await Promise.all(runs.map((run) => run.result()));
  const limits = await Promise.all(
    runs.map(async (run) => {
      const { degraded, ended } = await run.record();
      return degraded ? `${degraded.above}: ${degraded.limits?.turns} ${ended?.totals.turns}` : 'all';
    }),
  );
  expect(limits).toEqual(['all', '0.3: 2 1', '0.3: 2 1', 'all', 'all', 'all']);
  const [, degraded] = runs;
  const progress = await degraded?.progress();
  expect(progress?.limits).toMatchObject({ turns: 2, tokens: 900, toolCalls: 7 });
});

test('a run that is terminated gives its place back', async () => {
  const first = await start('single', 'ask-f1');
  await until(() => held.has('ask-f1'));
  const second = await start('single', 'ask-f2');
  await used.stack.temporal.workflow.getHandle(first.id).terminate('by hand');
  // A minute passes until it is asked about.
  await until(() => held.has('ask-f2'), 100_000);
  await letGo('ask-f2');
  expect(await second.result()).toMatchObject({ outcome: 'completed' });
  expect(await first.record()).toMatchObject({ ended: { outcome: 'cancelled', failure: { type: 'Run.Cancelled' } } });
});

test('a queue that is terminated loses nobody: the next one goes on with what it knew', async () => {
  const first = await start('single', 'ask-g1');
  await until(() => held.has('ask-g1'));
  const waiting = await Promise.all(['ask-g2', 'ask-g3'].map((question) => start('single', question)));
  await used.stack.temporal.workflow.getHandle(queueId('agents', 'single', 0)).terminate('by hand');
  const next = await start('single', 'ask-g4');
  expect(next.queued).toMatchObject({ position: 3 });
  for (const question of ['ask-g1', 'ask-g2', 'ask-g3', 'ask-g4']) await letGo(question);
  const results = await Promise.all([first, ...waiting, next].map((run) => run.result()));
  expect(results.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 4 }, () => 'completed'));
});

/** What a command prints, and the code it leaves with. */
async function printed(json: boolean, command: (context: CliContext) => Promise<number>): Promise<[string, number]> {
  const project = testProject();
  const { server, store } = used.stack;
  const env = { TEMPORAL_CONFIG_FILE: '', TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: server.namespace };
  const [stdout, stderr] = [keptStream(), keptStream()];
  const settings = { ...(await loadSettings({ cwd: project.dir, env })), taskQueue: 'agents' };
  const output = createOutput({ stdout, stderr, json, env: {} });
  const context = createContext({ settings: { ...settings, queues: QUEUES }, output, env, cwd: project.dir });
  const connect = async (): Promise<Connected> => ({ ...(await context.connect()), client: used.stack.client });
  try {
    const code = await command({ ...context, connect, openStore: () => store, readStore: () => store });
    return [stdout.text() + stderr.text(), code];
  } finally {
    await context.close();
    project.remove();
  }
}

test('`longhaul submit` prints place and wait beside the id, `queues` shows what waits, and a full queue is no fault of the caller', async () => {
  expect(await printed(false, queuesCommand)).toEqual([expect.stringMatching(/small +0 of 3 +0 of 1/), 0]);
  await start('small', 'ask-h0');
  await until(() => held.has('ask-h0'));
  const submit = (question: string) => (context: CliContext) => submitCommand(context, 'small', question, {});
  const [text, code] = await printed(false, submit('ask-h1'));
  expect(code).toBe(0);
  expect(text).toMatch(/^run_\w+\n/);
  expect(text).toMatch(/queued +place 1, begins /);
  const [json] = await printed(true, submit('ask-h2'));
  expect(JSON.parse(json)).toMatchObject({ runId: expect.stringMatching(/^run_/), queued: { position: 2 } });
  await start('small', 'ask-h3');
  const error: unknown = await printed(false, submit('ask-h4')).catch((refused: unknown) => refused);
  expect([errorCode(error), exitCodeOfError(error)]).toEqual(['queue-full', 75]);
  const [shown] = await printed(false, queuesCommand);
  expect(shown).toMatch(/small +3 of 3 +1 of 1/);
  expect(shown).toMatch(/small: 3 normal of acme/);
  const [views] = await printed(true, queuesCommand);
  expect((JSON.parse(views) as { queues: object[] }).queues).toContainEqual(
    expect.objectContaining({ queue: 'small', depth: 3, views: [expect.objectContaining({ depth: 3, running: 1 })] }),
  );
  for (const question of ['ask-h0', 'ask-h1', 'ask-h2', 'ask-h3']) await letGo(question);
  await until(async () => (await viewOf('small')).running === 0);
});

test('shards share what a queue may have, and the same id always comes to the same one', async () => {
  const ids = Array.from({ length: 12 }, (_, nth) => `split-${nth}`);
  const runs = await Promise.all(ids.map((id) => start('split', `ask-${id}`, { id })));
  const shards = new Set(await Promise.all(runs.map(async (run) => (await run.record()).queue?.workflow)));
  expect([...shards].sort()).toEqual(['queue/agents/split/0', 'queue/agents/split/1']);
  await Promise.all(ids.map((id) => letGo(`ask-${id}`)));
  const results = await Promise.all(runs.map((run) => run.result()));
  expect(results.every(({ outcome }) => outcome === 'completed')).toBe(true);
});
