// Needs: nothing but Node. Agents as tools: what a run makes of their runs, which the test stands in for.
import { createPrices } from '../../activities/gateway/money/prices';
import { z } from 'zod';
import { agentTool, defineTool } from '../../activities/define';
import { openRunName, runRecordName, subRunsOf } from '../../activities/store/ref-names';
import { RESULT_BYTES_MOST } from '../../activities/tool-output';
import { takeSubRun } from '../../activities/take-sub-run';
import type { TakeSubRunInput } from '../../workflows/contract/activities';
import { toolRecordSchema } from '../../workflows/contract/schemas/call-record';
import { createMemoryStore } from '../../activities/store';
import type { CarriedState, RunLimits, ToolPlan } from '../../workflows/contract/run';
import type { SubAgentStart } from '../../workflows/core/environment';
import { script } from '../kit/script';
import { manifestFor } from '../stack/manifest-for';
import { agent, asks, reader, startWith, type Given } from '../stack/sub-agent-run';

const limitsOf = (started: readonly SubAgentStart[]): RunLimits[] => started.map(({ input }) => input.plan.limits);

describe('a run', () => {
  test('starts the run of a sub-agent under the tenant, tags and pins of its own, once', async () => {
    const lead = agent('lead', { tools: [agentTool(reader, { turns: 2 })] });
    const { run, started } = await startWith(lead, { model: script([asks('a page')]).answer('done') });
    expect(await run.result()).toMatchObject({
      outcome: 'completed',
      totals: { turns: 2, modelCalls: 3, toolCalls: 1 },
    });
    expect(started).toMatchObject([
      {
        id: expect.stringMatching(/^sub_[0-9a-f]{20}$/),
        question: 'a page',
        input: {
          ...{ agent: 'reader', release: manifestFor(reader, 'scripted/x').release, tenant: 't', tags: ['a-tag'] },
          parent: { run: 'root', root: 'root', firstRunId: 'root-1', turn: 1, index: 1 },
          plan: { limits: { turns: 2, toolCalls: 199 } },
        },
      },
    ]);
  });

  test('parts what is left between those that run side by side, and reserves it while they do', async () => {
    const lead = agent('lead', {
      tools: [agentTool(reader), agentTool(agent('other'), { tokens: 10, toolCalls: 1 })],
      limits: { tokens: 1_000, toolCalls: 13, wall: '10m' },
    });
    const { run, started } = await startWith(lead, {
      model: script([
        { calls: [...asks('a', 'b').calls, { name: 'other', args: { input: 'c' } }], usage: { input: 100, output: 0 } },
        { ...asks('d'), usage: { input: 100, output: 0 } },
      ]).answer('done'),
      ends: (_, nth) => ({ tokens: nth * 10, toolCalls: 1 }),
    });
    await run.result();
    expect(limitsOf(started)).toMatchObject([
      // 900 tokens and 10 calls beside the three of the turn, for three.
      { tokens: 300, toolCalls: 3, wallMs: 600_000 },
      { tokens: 300, toolCalls: 3 },
      { tokens: 10, toolCalls: 1 },
      // 1,000 less 200 of its own answers and 60 of theirs; 13 less three calls, three of theirs and this one.
      { tokens: 740, toolCalls: 6 },
    ]);
  });

  test('parts money and model calls that are left as well, and what its sub-agents spend it has spent', async () => {
    const lead = agent('lead', {
      tools: [agentTool(reader), agentTool(agent('other'), { usd: 0.000_01 })],
      limits: { usd: 0.001, modelCalls: 13 },
    });
    const { run, started } = await startWith(lead, {
      model: script([
        { calls: [...asks('a', 'b').calls, { name: 'other', args: { input: 'c' } }], usage: { input: 100, output: 0 } },
        { ...asks('d'), usage: { input: 100, output: 0 } },
      ]).answer('done'),
      ends: (_, nth) => ({ nanoUsd: nth * 10_000 }),
      prices: createPrices({ prices: { 'scripted/x': { input: 1, output: 0 } }, providers: [] }),
    });
    const { totals } = await run.result();
    expect(limitsOf(started)).toMatchObject([
      { nanoUsd: 300_000, modelCalls: 4 },
      { nanoUsd: 300_000, modelCalls: 4 },
      { nanoUsd: 10_000, modelCalls: 4 },
      // Less 200,000 of its own answers and 60,000 of theirs; less two calls of its own and three of theirs.
      { nanoUsd: 740_000, modelCalls: 8 },
    ]);
    expect(totals.subAgentsCost).toEqual({ nanoUsd: 100_000 });
  });

  test('waits for the approval that its tool needs, and begins no run of one that is denied', async () => {
    const lead = agent('lead', { tools: [agentTool(reader, {}, { approval: {} })] });
    const { run, started } = await startWith(lead, { model: script([asks('a'), asks('b')]).answer('done') });
    expect(run.requests).toMatchObject([{ number: 1, tool: 'reader' }]);
    await run.deny();
    expect(started).toEqual([]);
    await run.approve({ args: { input: 'c' } });
    expect(await run.result()).toMatchObject({ outcome: 'completed' });
    expect(started.map(({ question }) => question)).toEqual(['c']);
    expect((await run.transcript()).filter(({ role }) => role === 'tool')).toMatchObject([
      { parts: [{ text: expect.stringContaining('Tool.Denied') }] },
      { parts: [{ text: expect.stringContaining('A person changed the arguments of reader') }, { text: 'known' }] },
    ]);
  });

  test('whose person wants a failed sub-agent tried again begins another run of it, and may be given a result by hand', async () => {
    const lead = agent('lead', { tools: [agentTool(reader, {}, { onFailure: 'escalate' })] });
    const { run, started } = await startWith(lead, {
      model: script([asks('a'), asks('b')]).answer('done'),
      ends: (_, nth) => (nth === 2 ? {} : { outcome: 'failed', tokens: 5 }),
    });
    expect(run.requests).toMatchObject([
      {
        kind: 'failed-call',
        failure: { type: 'Tool.AgentFailed', message: 'reader gave no answer: failed (Model.Refused: it would not)' },
      },
    ]);
    await run.approve();
    expect(started[1]?.id).not.toBe(started[0]?.id);
    await run.replace('by hand');
    expect(await run.result()).toMatchObject({
      outcome: 'completed',
      totals: { modelCalls: 6, usage: { input: expect.any(Number) } },
    });
    expect((await run.transcript()).filter(({ role }) => role === 'tool')).toMatchObject([
      { parts: [{ text: 'known' }] },
      { parts: [{ text: expect.any(String) }, { text: 'by hand' }] },
    ]);
  });

  test('whose sub-agent answers with more than a result may have fails that call, as its tool says', async () => {
    const large = 'x'.repeat(RESULT_BYTES_MOST + 1);
    const given: Given = {
      ...{ model: script([asks('a')]).answer('done'), ends: (_, nth) => (nth === 1 ? { text: large } : {}) },
    };
    const leadWith = (onFailure: ToolPlan['onFailure']) =>
      agent('lead', { tools: [agentTool(reader, {}, { onFailure })] });
    const told = await startWith(leadWith('tell-model'), given);
    expect(await told.run.result()).toMatchObject({ outcome: 'completed' });
    expect((await told.run.transcript())[2]).toMatchObject({ outcome: 'error' });
    const stopped = await startWith(leadWith('stop'), given);
    expect(await stopped.run.result()).toMatchObject({ outcome: 'failed', failure: { type: 'Tool.InvalidOutput' } });
    const { run, started } = await startWith(leadWith('escalate'), given);
    expect(run.requests).toMatchObject([{ kind: 'failed-call', failure: { type: 'Tool.InvalidOutput' } }]);
    await run.approve();
    expect(await run.result()).toMatchObject({ outcome: 'completed' });
    expect(started).toHaveLength(2);
  });

  test('whose sub-agent has used what is estimated has so too', async () => {
    const lead = agent('lead', { tools: [agentTool(reader)] });
    const model = script([asks('a'), asks('b')]).answer('done');
    const { run } = await startWith(lead, { model, ends: (_, nth) => (nth === 1 ? { estimated: true } : {}) });
    expect((await run.result()).totals).toMatchObject({ estimated: true });
    const known = await startWith(lead, { model });
    expect((await known.run.result()).totals).not.toHaveProperty('estimated');
  });

  test('tries a sub-agent that was terminated again in another run, and the one before has its end recorded', async () => {
    const lead = agent('lead', { tools: [agentTool(reader, {}, { onFailure: 'escalate' })] });
    const store = createMemoryStore();
    const { run, started } = await startWith(lead, {
      ...{ store, model: script([asks('a')]).answer('done') },
      ends: (_, nth) => (nth === 1 ? 'terminated' : {}),
    });
    const [{ id } = { id: '' }] = started;
    expect((await store.readRef(runRecordName(id)))?.value).toMatchObject({
      ended: { outcome: 'cancelled', failure: { message: 'it was terminated.' }, firstRunId: `${id}-1` },
    });
    expect(await store.readRef(openRunName(id))).toBeUndefined();
    await run.approve();
    expect(await run.result()).toMatchObject({ outcome: 'completed' });
    expect(new Set(started.map((one) => one.id)).size).toBe(2);
  });

  test('counts after a reset what its sub-agents had used before', async () => {
    const lead = agent('lead', { tools: [agentTool(reader, {}, { onFailure: 'escalate' })] });
    const store = createMemoryStore();
    const given: Given = {
      ...{ store, model: script([asks('a')]).answer('done') },
      ends: (_, nth) => ({ outcome: nth === 1 ? 'failed' : 'completed', tokens: 1_000, toolCalls: 3 }),
    };
    const before = await startWith(lead, given);
    await before.run.approve();
    const { totals } = await before.run.result();
    expect(totals).toMatchObject({ modelCalls: 4, toolCalls: 7 });
    expect(totals.usage.input).toBeGreaterThanOrEqual(2_000);
    const { run, started } = await startWith(lead, given);
    expect((await run.result()).totals).toEqual({ ...totals, reusedCalls: 3 });
    expect(started).toEqual([]);
  });

  test.each<[string, Partial<TakeSubRunInput>]>([
    ['another call', { key: { run: 'root-1', fork: 0, turn: 1, index: 2 } }],
    ['another run', { key: { run: 'other-1', fork: 0, turn: 1, index: 1 } }],
    ['another tenant', { tenant: 'other' }],
  ])('takes the answer of its own call, and of none that %s has begun', async (_, asked) => {
    const lead = agent('lead', { tools: [agentTool(reader)] });
    const { run, started, deps } = await startWith(lead, { model: script([asks('a', 'b')]).answer('done') });
    await run.result();
    const [message] = await deps.store
      .listRefs('call/root-1/')
      .then((refs) => refs.flatMap(({ value }) => toolRecordSchema.safeParse(value).data?.from.message ?? []));
    const own: TakeSubRunInput = {
      ...{ key: { run: 'root-1', fork: 0, turn: 1, index: 1 }, agent: 'lead', tenant: 't' },
      release: manifestFor(lead, 'scripted/x').release,
      ...{ name: 'reader', message: message ?? '', call: 0, run: started[0]?.id ?? '' },
    };
    const attempt = { number: 1, workflowId: 'root', runId: 'root-1', signal: new AbortController().signal };
    expect(await takeSubRun(deps, own, attempt)).toMatchObject({ kind: 'result' });
    await expect(takeSubRun(deps, { ...own, ...asked }, attempt)).rejects.toThrow('is not of this call');
  });

  test('that is led to another call by a reset begins another run for it', async () => {
    const lead = agent('lead', { tools: [agentTool(reader)] });
    const store = createMemoryStore();
    const before = await startWith(lead, { store, model: script([asks('a')]).answer('done') });
    await before.run.result();
    const { run, started } = await startWith(lead, { store, says: 'go on', model: script([asks('b')]).answer('done') });
    expect(await run.result()).toMatchObject({ outcome: 'completed' });
    expect(started).toMatchObject([{ question: 'b' }]);
    expect(started[0]?.id).not.toBe(before.started[0]?.id);
  });

  test('begins another run of a call whose arguments a person changes otherwise after a reset', async () => {
    const lead = agent('lead', { tools: [agentTool(reader, {}, { approval: {} })] });
    const store = createMemoryStore();
    const model = script([asks('a')]).answer('done');
    const before = await startWith(lead, { store, model, ends: () => 'elsewhere' });
    await before.run.approve({ args: { input: 'b' } });
    const { run, started } = await startWith(lead, { store, model });
    await run.approve({ args: { input: 'c' } });
    expect(await run.result()).toMatchObject({ outcome: 'completed' });
    expect(started).toMatchObject([{ question: 'c' }]);
  });

  test.each(['is at work', 'works elsewhere'])('does not leave its history while a sub-agent %s', async (where) => {
    const executions = new Set<CarriedState>();
    let isLong = false;
    let goOn: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    let asked = 0;
    // Alone it would leave it, for as long as its job takes.
    const job = defineTool({
      ...{ name: 'job', description: 'Runs.', input: z.object({}), output: z.string(), effect: 'read' },
      poll: { started: z.object({}), every: '1m', upTo: '1h', check: () => ((asked += 1) < 3 ? undefined : 'done') },
      run: () => {
        isLong = true;
        return {};
      },
    });
    const lead = agent('lead', { tools: [agentTool(reader), job] });
    const { run, started, end } = await startWith(lead, {
      model: script([{ calls: [...asks('a').calls, { name: 'job', args: {} }] }]).answer('done'),
      ends: async () => {
        if (where === 'works elsewhere') return 'elsewhere';
        await held;
        isLong = false;
        return {};
      },
      shouldContinueAsNew: (carried) => {
        executions.add(carried);
        // The job has begun, and asks whether it may leave.
        if (isLong) goOn();
        return isLong;
      },
    });
    await run.advance('2m');
    isLong = false;
    if (where === 'works elsewhere') await end(started[0]?.id ?? '', {});
    expect(await run.result()).toMatchObject({ outcome: 'completed' });
    expect({ executions: executions.size, asked, started: started.length }).toEqual({
      ...{ executions: 1, asked: 3, started: 1 },
    });
  });

  test('asks for the answer of one that an execution of before has begun', async () => {
    const lead = agent('lead', { tools: [agentTool(reader)] });
    const { run, started, cancelled } = await startWith(lead, {
      ...{ model: script([asks('a')]).answer('done'), ends: () => 'elsewhere' },
    });
    expect(run.waitingFor).toMatchObject({
      reason: expect.stringMatching(/^reader, which an execution of before has begun as sub_/),
    });
    await run.cancel('enough');
    expect(await run.result()).toMatchObject({ outcome: 'cancelled' });
    expect(cancelled).toEqual(started.map(({ id }) => id));
  });

  test('ends where nothing is left for a sub-agent', async () => {
    const lead = agent('lead', { tools: [agentTool(reader)], limits: { tokens: 50 } });
    const store = createMemoryStore();
    const { run, started } = await startWith(lead, {
      ...{ store, model: script([{ ...asks('a'), usage: { input: 50, output: 0 } }]) },
    });
    expect(await run.result()).toMatchObject({
      outcome: 'budget-exhausted',
      failure: { type: 'Budget.TokensExhausted', message: '50 tokens were allowed, 50 used.' },
    });
    expect(started).toEqual([]);
    expect(await store.listRefs(subRunsOf('root'))).toEqual([]);
  });
});
