// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk: what a trace tells of long and troubled runs, which
// go on in other executions, are reset, go round in circles, call agents, ask people, or stand in a queue.
import { z } from 'zod';
import { agentTool, defineAgent, defineTool } from '../../activities/define';
import { readTrace } from '../../client/trace/read-trace';
import type { RunTrace, TraceSpan } from '../../client/trace/trace-shapes';
import { script, type ModelRequest } from '../kit/model-server';
import { until } from '../e2e/cli';
import { useStack } from '../stack/use-stack';

jest.setTimeout(180_000);

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({ at: z.number() }),
  output: z.string(),
  effect: 'read',
  run: ({ at }) => `page ${at}`,
});
const pay = defineTool({
  name: 'pay',
  description: 'Pays.',
  input: z.object({ amount: z.number() }),
  output: z.string(),
  effect: 'keyed',
  approval: {},
  run: () => 'paid',
});
const plan = { instructions: 'Do it.', description: 'Does it.' };
const reader = defineAgent({ name: 'reader', ...plan, tools: [look] });
const lead = defineAgent({ name: 'lead', ...plan, tools: [agentTool(reader)] });
const payer = defineAgent({ name: 'payer', ...plan, tools: [pay] });
const patient = defineAgent({ name: 'patient', ...plan, queue: 'narrow' });
const looker = defineAgent({
  ...{ name: 'looker', ...plan, tools: [look], limits: { turns: 100 } },
  context: { prune: false, compact: { when: { messages: 7 }, keepLast: 2 } },
});

let held: Promise<void> = Promise.resolve();
const isSummary = ({ messages }: ModelRequest): boolean =>
  messages.some(({ role, text }) => role === 'system' && text.startsWith('You condense'));
async function respond(request: ModelRequest) {
  if (isSummary(request)) return script().answer('Pages were looked at.').turnAt(0);
  const { messages, assistantTurns } = request;
  const asked = messages.find(({ role }) => role === 'user')?.text ?? '';
  const say = (turns: ReturnType<typeof script>) => turns.answer('It is done.').turnAt(assistantTurns > 0 ? 1 : 0);
  if (asked === 'ask the reader') return say(script().call('reader', { input: 'page 7' }));
  if (asked === 'page 7') return say(script().call('look', { at: 7 }));
  if (asked === 'pay') return say(script().call('pay', { amount: 5 }));
  if (asked === 'wait') await held;
  if (asked !== 'look') return script().answer('It is done.').turnAt(0);
  looks += 1;
  return script()
    .call('look', { at: Math.min(looks, 10) })
    .turnAt(0);
}
let looks = 0;

const on = useStack(
  { respond },
  {
    agents: [reader, lead, payer, patient, looker],
    route: ['test/model', 'other/model'],
    queues: { narrow: { depth: 10, concurrency: 1, weights: {}, shards: 1, degrade: [] } },
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': 60 },
  },
);

const start = (agent: string, text: string, id: string) => on.stack.client.agent(agent).start(text, { id });
const traceOf = async (id: string): Promise<RunTrace> => {
  const { store, temporal, client } = on.stack;
  return await readTrace({ store, temporal }, await client.run(id).record());
};
const ofKind = ({ spans }: RunTrace, kind: TraceSpan['kind']): TraceSpan[] =>
  spans.filter((span) => span.kind === kind);
const parentOf = ({ spans }: RunTrace, span: TraceSpan | undefined): TraceSpan | undefined =>
  spans.find(({ id }) => id === span?.parent);

async function executionsOf(id: string): Promise<number> {
  let count = 0;
  for await (const _ of on.stack.temporal.workflow.list({ query: `WorkflowId = '${id}'` })) count += 1;
  return count;
}

test('a run that goes on in other executions, sums up and goes round in circles: each of its calls once, with its attempts', async () => {
  const run = await start('looker', 'look', 'run_circles');
  expect(await run.result()).toMatchObject({ failure: { type: 'Loop.RepeatedCall' } });
  expect(await executionsOf('run_circles')).toBeGreaterThan(2);
  const trace = await traceOf('run_circles');
  expect(trace).toMatchObject({ history: 'read', problems: [], unreadable: 0 });
  const calls = trace.spans.filter(({ call }) => call !== undefined);
  expect(calls.map(({ call }) => call)).toEqual(calls.map((_, at) => at + 1));
  expect(calls.every(({ attempts }) => attempts?.length === 1)).toBe(true);
  const summaries = ofKind(trace, 'compaction');
  expect(ofKind(trace, 'model').length + summaries.length).toBe(trace.run.totals.modelCalls);
  // Nothing beside them is a call again, as an execution that was left would have it under way.
  expect(trace.spans.filter(({ kind, call }) => (kind === 'model' || kind === 'tool') && call === undefined)).toEqual(
    [],
  );
  expect(trace.spans.every(({ endMs }) => endMs !== null)).toBe(true);

  expect(summaries[0]).toMatchObject({ status: 'done', preview: expect.stringMatching(/^sums up \d+ messages/) });
  const warned = ofKind(trace, 'model').filter(({ note }) => note?.includes('You have called look 3 times'));
  expect(warned).toHaveLength(1);
  expect(trace.spans[0]).toMatchObject({ kind: 'run', status: 'failed', failure: { type: 'Loop.RepeatedCall' } });
  // Of the turn for which it was not asked any more.
  const decisions = ofKind(trace, 'decision');
  expect(decisions.filter(({ name }) => name === 'sums up first')).toHaveLength(summaries.length);
  expect(decisions.filter(({ name }) => name !== 'sums up first')).toMatchObject([
    { name: 'asks no more', turn: trace.run.totals.turns + 1, failure: { type: 'Loop.RepeatedCall' } },
  ]);
});

test('a run that was reset: each call once, taken from its record', async () => {
  await (await start('reader', 'page 7', 'run_reset')).result();
  const handle = on.stack.temporal.workflow.getHandle('run_reset');
  const { events } = await handle.fetchHistory();
  const first = (events ?? []).find(({ workflowTaskCompletedEventAttributes: done }) => done);
  const before = await traceOf('run_reset');
  await on.stack.temporal.workflowService.resetWorkflowExecution({
    namespace: on.stack.server.namespace,
    workflowExecution: { workflowId: 'run_reset', runId: (await handle.describe()).runId },
    reason: 'a test',
    workflowTaskFinishEventId: first?.eventId ?? null,
    requestId: 'run_reset-again',
  });
  await on.stack.temporal.workflow.getHandle('run_reset').result();
  const after = await traceOf('run_reset');
  const shown = ({ spans }: RunTrace) => spans.map(({ id, kind, call, usage }) => ({ id, kind, call, usage }));
  expect(shown(after)).toEqual(shown(before));
  expect(after.spans.filter(({ call }) => call !== undefined).map(({ reused }) => reused)).toEqual([true, true, true]);
  expect(after.run.firstRunId).toBe(before.run.firstRunId);
});

test('the run of a sub-agent stands under the call that began it, whole', async () => {
  await (await start('lead', 'ask the reader', 'run_lead')).result();
  const trace = await traceOf('run_lead');
  const [, sub] = ofKind(trace, 'run');
  const caller = parentOf(trace, sub);
  expect(caller).toMatchObject({ kind: 'tool', name: 'reader', run: 'run_lead', call: 2 });
  expect(sub).toMatchObject({ name: 'reader', depth: (caller?.depth ?? 0) + 1, status: 'done' });
  const own = trace.spans.filter(({ run }) => run === sub?.run);
  expect(own.map(({ kind }) => kind)).toEqual(['run', 'turn', 'model', 'tool', 'turn', 'model']);
  for (const span of own) expect(span.startMs).toBeGreaterThanOrEqual(caller?.startMs ?? Infinity);
});

test('what a person was asked stands in its turn until the answer, and what they said of it', async () => {
  const run = await start('payer', 'pay', 'run_gated');
  await until('the request', async () => (await run.requests().catch(() => [])).length === 1, 60_000);
  const [asked] = ofKind(await traceOf('run_gated'), 'human');
  expect(asked).toMatchObject({
    status: 'open',
    endMs: null,
    request: 1,
    turn: 1,
    name: expect.stringContaining('pay'),
  });
  const [request] = await run.requests();
  if (!request) throw new Error('nothing is asked');
  await run.approve(request, { reason: 'it is due' });
  await run.result();
  const trace = await traceOf('run_gated');
  const [answered, ...others] = ofKind(trace, 'human');
  expect(others).toEqual([]);
  expect(answered).toMatchObject({ status: 'done', note: expect.stringMatching(/^approved .*it is due$/) });
  const [tool] = ofKind(trace, 'tool');
  expect(answered?.endMs).toBeLessThanOrEqual((tool?.startMs ?? 0) + 1);
  expect(tool?.note).toMatch(/by the decision on request 1/);
  expect(parentOf(trace, answered)).toEqual(parentOf(trace, tool));
});

test('another of the route stands in: who was asked before, and why it did not answer', async () => {
  on.model.addFaults({ when: { path: '/chat/completions', nth: 1, times: 1 }, do: { status: 401 } });
  await (await start('reader', 'hello', 'run_fallback')).result();
  const [model] = ofKind(await traceOf('run_fallback'), 'model');
  expect(model).toMatchObject({
    ...{ name: 'other/model', status: 'done' },
    tried: [{ route: 'test/model', failure: expect.stringMatching(/^Model\./) }],
    note: expect.stringMatching(/test\/model was asked before and did not answer: Model\./),
  });
});

test('a run that waits for its place says so while it waits, and how long it was', async () => {
  let letGo: () => void = () => undefined;
  held = new Promise((resolve) => (letGo = resolve));
  const first = await start('patient', 'wait', 'run_before');
  const second = await start('patient', 'hello', 'run_queued');
  try {
    const waiting = await traceOf('run_queued');
    expect(waiting.spans.map(({ kind }) => kind)).toEqual(['run', 'queued']);
    expect(waiting.spans[1]).toMatchObject({ name: 'narrow', status: 'open', endMs: null });
  } finally {
    letGo();
  }
  await Promise.all([first.result(), second.result()]);
  const trace = await traceOf('run_queued');
  const [queued] = ofKind(trace, 'queued');
  const [turn] = ofKind(trace, 'turn');
  expect(queued).toMatchObject({ status: 'done', startMs: trace.run.startedMs });
  expect(queued?.endMs).toBeLessThanOrEqual(turn?.startMs ?? 0);
  const [, over] = ofKind(await traceOf('run_before'), 'run');
  expect(over).toBeUndefined();
});

test('of a run that Temporal has forgotten its records tell, and it says that the history is gone', async () => {
  await (await start('reader', 'page 7', 'run_forgotten')).result();
  const { store, temporal, server, client } = on.stack;
  const whole = await traceOf('run_forgotten');
  await temporal.workflowService.deleteWorkflowExecution({
    namespace: server.namespace,
    workflowExecution: { workflowId: 'run_forgotten' },
  });
  const record = await client.run('run_forgotten').record();
  await until('that it is gone', async () => (await readTrace({ store, temporal }, record)).history === 'gone', 60_000);
  const trace = await readTrace({ store, temporal }, record);
  expect(trace.spans.map(({ id, kind }) => ({ id, kind }))).toEqual(whole.spans.map(({ id, kind }) => ({ id, kind })));
  expect(trace.spans.every(({ attempts, queuedMs }) => attempts === undefined && queuedMs === undefined)).toBe(true);
  expect(trace.problems).toEqual([expect.stringContaining('Temporal does not have its history any more')]);
});
