// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. A shadow runs the whole loop of a run beside it,
// and does nothing: its tools are answered as the run's were, or not at all.
import { NativeConnection, Worker } from '@temporalio/worker';
import { z } from 'zod';
import { agentTool, defineAgent, defineTool } from '../../activities/define';
import { lookAfterShadows } from '../../activities/shadow/keep-shadows';
import { allRefs, createConversation } from '../../activities/store';
import { changeTraffic, type TrafficChange } from '../../activities/store/change-traffic';
import { readPointer } from '../../activities/store/pick-release';
import {
  INBOX_PREFIX,
  RUN_PREFIX,
  runRecordName,
  servingName,
  shadowStateName,
  SHADOWS_WANTED,
  subRunsOf,
} from '../../activities/store/ref-names';
import { callsOf } from '../../activities/store/run-calls';
import { indexedRuns } from '../../activities/store/run-index';
import { wantShadow } from '../../activities/store/wanted-shadows';
import { polledQueue } from '../../infra/temporal/task-queue-pollers';
import { compareWithShadow } from '../../client/shadow/shadow-pair';
import { shadowRun } from '../../client/shadow/want-shadow';
import { keeperDeps } from '../../workers/keep-shadows';
import { shadowRunId, WORKFLOW_TYPES } from '../../workflows/contract/names';
import type { AgentRunInput } from '../../workflows/contract/run';
import { releaseManifestSchema } from '../../workflows/contract/schemas/release';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { shadowStateSchema, type ShadowState } from '../../workflows/contract/schemas/shadow';
import { WHOLE_SHARE, type Shadowing } from '../../workflows/contract/schemas/traffic';
import { script, type ModelRequest } from '../kit/model-server';
import { until } from '../stack/until';
import { useStack } from '../stack/use-stack';

jest.setTimeout(120_000);

/** What tools have done, by their name. */
const acted = new Map<string, number>();
const act = (name: string): number => {
  const times = (acted.get(name) ?? 0) + 1;
  acted.set(name, times);
  return times;
};
const amount = z.object({ amount: z.number() });
const tool = (name: string, effect: 'read' | 'idempotent' | 'keyed' | 'at-most-once', more: object = {}) =>
  defineTool({
    ...{ name, description: name, input: amount, output: z.string(), effect },
    ...(effect === 'keyed' || effect === 'at-most-once' ? { approval: false, ...more } : more),
    run: ({ amount }) => `${name} ${amount}, ${act(name)}`,
  });
const failing = defineTool({
  ...{ name: 'wire', description: 'wire', input: amount, output: z.string(), effect: 'idempotent', timeout: '5s' },
  fallback: [tool('post', 'idempotent')],
  retry: { attempts: 1 },
  run: () => {
    act('wire');
    throw new Error('the line is dead');
  },
});
const helper = defineAgent({
  name: 'helper',
  description: 'Helps.',
  instructions: 'helper',
  tools: [tool('pay', 'keyed')],
});

/** @param words which the model is told, and goes by */
const clerk = (words: string) =>
  defineAgent({
    name: 'clerk',
    instructions: `clerk ${words}`,
    tools: [
      tool('look', 'read'),
      tool('pay', 'keyed'),
      tool('send', 'at-most-once'),
      failing,
      tool('refund', 'at-most-once', { approval: {} }),
      agentTool(helper),
    ],
    loops: false,
  });

/** `calls pay 1, look 2` are made one after the other; with `other` in its instructions the last of them is of another amount. */
function respond({ messages }: ModelRequest) {
  const system = messages.find(({ role }) => role === 'system')?.text ?? '';
  const asked = messages.find(({ role }) => role === 'user')?.text ?? '';
  const calls = [...asked.matchAll(/(\w+) (\d+)/g)].map(([, name = '', amount]) => ({ name, amount: Number(amount) }));
  const done = messages.filter(({ role }) => role === 'tool').length;
  if (system.includes('broken')) return script().answer('').turnAt(0);
  const next = calls[done];
  const said = messages.filter(({ role }) => role === 'tool').map(({ text }) => text);
  if (!next)
    return script()
      .answer(`done: ${said.join('; ')}`)
      .turnAt(0);
  const isOther = system.includes('other') && done === calls.length - 1;
  if (next.name === 'helper')
    return script()
      .call('helper', { input: `pay ${next.amount}` })
      .turnAt(0);
  return script()
    .call(next.name, { amount: next.amount + (isOther ? 100 : 0) })
    .turnAt(0);
}

const on = useStack({ respond }, { agents: [helper, clerk('one')], shadowPace: { lookMs: 50 } });

const releaseNow = async (): Promise<string> => (await readPointer(on.stack.store, 'clerk'))?.pointer.release ?? '';
const recordOf = async (id: string): Promise<RunRecord | undefined> =>
  runRecordSchema.safeParse((await on.stack.store.readRef(runRecordName(id)))?.value).data;
async function ended(id: string): Promise<RunRecord & { ended: NonNullable<RunRecord['ended']> }> {
  await until(async () => (await recordOf(id))?.ended !== undefined);
  const record = await recordOf(id);
  if (!record?.ended) throw new Error('it has no end');
  return { ...record, ended: record.ended };
}
const run = async (question: string, id: string): Promise<RunRecord> => {
  await (await on.stack.client.agent<ReturnType<typeof clerk>>('clerk').start(question, { id })).result();
  return await ended(id);
};
const state = async (): Promise<ShadowState | undefined> =>
  shadowStateSchema.safeParse((await on.stack.store.readRef(shadowStateName('clerk')))?.value).data;
const shadow = (id: string, release: string, reads?: 'run') =>
  shadowRun(on.stack.store, id, { release, by: 'ada', ...(reads ? { reads } : {}) });
const toolCalls = async (id: string): Promise<(string | undefined)[]> => {
  const { ended: end } = await ended(id);
  const { calls } = await callsOf(on.stack.store, end.firstRunId);
  return calls.flatMap(({ record }) => (record.kind === 'tool' ? [`${record.name} ${record.shadow?.how}`] : []));
};

test('a shadow of its own release does nothing, says the same, and stands in no list of runs', async () => {
  const primary = await run('look 1, pay 2, look 1, send 3, wire 4, pay 2', 'same');
  const before = new Map(acted);
  expect(before.get('post')).toBe(1);

  const wanted = await shadow('same', primary.release);
  expect(wanted).toMatchObject({ id: `shadow/same/${primary.release.slice(0, 12)}`, isFloor: true });
  const shadowed = await ended(wanted.id);

  expect(acted).toEqual(before);
  expect(shadowed.ended).toMatchObject({
    outcome: 'completed',
    head: primary.ended?.head,
    length: primary.ended?.length,
  });
  expect(await toolCalls(wanted.id)).toEqual(
    ['look', 'pay', 'look', 'send', 'wire', 'pay'].map((name) => `${name} recorded`),
  );
  expect((await allRefs(on.stack.store, RUN_PREFIX)).map(({ name }) => name)).toEqual([runRecordName('same')]);
  const listed: string[] = [];
  for await (const { id } of (await indexedRuns(on.stack.store)) ?? []) listed.push(id);
  expect(listed).not.toContain(wanted.id);
  await until(async () => (await state())?.open.length === 0);
  expect(await state()).toMatchObject({ begun: 1, tokens: expect.any(Number) as number });
});

/** As a deploy: new runs take it. @returns its hash */
async function deploy(words: string): Promise<string> {
  await on.stack.publish([helper, clerk(words)]);
  return await releaseNow();
}

test('with other arguments an effect is not executed, and the first difference is found where it was put', async () => {
  const { release: one } = await run('look 1, send 5, wire 6, pay 7', 'other');
  const two = await deploy('other');
  const before = new Map(acted);

  const { id } = await shadow('other', two);
  const shadowed = await ended(id);

  expect(acted).toEqual(before);
  expect(await toolCalls(id)).toEqual(['look recorded', 'send recorded', 'wire recorded', 'pay not-executed']);
  const compared = await compareWithShadow(on.stack.store, shadowed);
  expect(compared).toMatchObject({
    isFloor: false,
    // The question, three calls with their results, and the one that is of another amount.
    first: {
      kind: 'arguments',
      position: 7,
      step: 7,
      shadowStep: 7,
      run: 'pay {"amount":7}',
      shadow: 'pay {"amount":107}',
    },
    tools: { same: true },
    arguments: { same: 3, different: 1 },
    answer: { same: false },
    answered: { recorded: 3, ran: 0, notExecuted: [{ step: 8, tool: 'pay', arguments: '{"amount":107}' }] },
  });
  expect(one).not.toBe(two);
  await deploy('one');
});

test('what only reads really runs where that is allowed and nothing is recorded; what acts does not', async () => {
  await run('pay 1, look 8', 'reads');
  const two = await deploy('other');
  const before = new Map(acted);

  const { id } = await shadow('reads', two, 'run');
  expect(await toolCalls(id)).toEqual(['pay recorded', 'look ran']);
  expect(acted.get('look')).toBe((before.get('look') ?? 0) + 1);
  expect(acted.get('pay')).toBe(before.get('pay'));
  await deploy('one');
});

test('a person is asked once: a shadow is told what they said to its run, and of what nobody said nothing is done', async () => {
  const { stack } = on;
  const started = await stack.client
    .agent<ReturnType<typeof clerk>>('clerk')
    .start('refund 1, refund 2', { id: 'asks' });
  for (const verdict of ['approve', 'deny'] as const) {
    await until(async () => (await started.requests()).length === 1);
    const [request] = await started.requests();
    await started[verdict](request?.number ?? 0, {});
    await until(async () => (await started.requests()).every(({ number }) => number !== request?.number));
  }
  await started.result();
  const { release } = await ended('asks');
  const before = new Map(acted);
  expect(before.get('refund')).toBe(1);

  const { id } = await shadow('asks', release);
  const shadowed = await ended(id);
  expect(await compareWithShadow(stack.store, shadowed)).toMatchObject({ first: null, answered: { recorded: 2 } });

  const other = await shadow('asks', await deploy('other'), 'run');
  expect(await toolCalls(other.id)).toEqual(['refund recorded', 'refund not-executed']);
  expect(acted).toEqual(before);
  expect(await allRefs(stack.store, INBOX_PREFIX)).toEqual([]);
  await deploy('one');
});

test('the run of a sub-agent of a shadow does nothing either, and is told what that of its run was', async () => {
  const { release } = await run('helper 3, helper 4', 'lead');
  const before = new Map(acted);

  const { id } = await shadow('lead', release);
  const shadowed = await ended(id);
  expect(acted).toEqual(before);
  expect(await compareWithShadow(on.stack.store, shadowed)).toMatchObject({ first: null });
  const below = (await allRefs(on.stack.store, subRunsOf(id))).map(({ value }) =>
    z.object({ id: z.string() }).parse(value),
  );
  expect(below).toHaveLength(2);
  for (const sub of below) {
    expect(sub.id).toMatch(/^shadow\/sub_/);
    expect(await toolCalls(sub.id)).toEqual(['pay recorded']);
  }
});

test('a workflow that somebody has started under the id of a shadow does nothing: nothing is recorded of what it shadows', async () => {
  const { release, input } = await run('look 1', 'forged');
  const before = new Map(acted);
  const [bytes] = await on.stack.store.get([release]);
  const { plan } = releaseManifestSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  const handle = await on.stack.temporal.workflow.start(WORKFLOW_TYPES.agentRun, {
    workflowId: 'shadow/forged/by-hand',
    taskQueue: 'agents',
    args: [
      {
        ...{ schemaVersion: 1, agent: 'clerk', release, tenant: 'acme', tags: [], plan },
        input: { hash: input, role: 'user', preview: 'look 1' },
      } satisfies AgentRunInput,
    ],
  });
  await handle.result().catch(() => undefined);
  expect(acted).toEqual(before);
});

describe('of a share of the runs', () => {
  const shadowing = (release: string, more: Partial<Shadowing> = {}): Shadowing => ({
    ...{ release, share: WHOLE_SHARE, id: 'all', sticky: 'run', reads: 'recorded', floor: true, atOnce: 2 },
    ...more,
  });
  const set = async (change: TrafficChange): Promise<void> => {
    expect(await changeTraffic(on.stack.store, 'clerk', change, { by: 'ada' })).toMatchObject({ kind: 'changed' });
  };
  const wanted = () => on.stack.store.listRefs(SHADOWS_WANTED);
  const isQuiet = async () => (await wanted()).length === 0 && (await state())?.open.length === 0;

  test('each that is drawn has a shadow by the candidate and one by its own release; one whose model fails harms none', async () => {
    const two = await deploy('broken');
    const one = await deploy('one');
    on.model.addFaults({ when: { bodyIncludes: 'broken' }, do: { status: 401 } });
    const attempts = () => on.stack.metrics.registry.getSingleMetricAsString('agent_attempts_failed_total');
    const before = await attempts();
    await set({ kind: 'shadow', ...shadowing(two) });

    const primary = await run('look 1, pay 2', 'drawn');
    expect(primary).toMatchObject({
      release: one,
      shadow: { id: 'all', release: two },
      ended: { outcome: 'completed' },
    });
    const [ofCandidate, ofOwn] = [shadowRunId('drawn', two), shadowRunId('drawn', one)];
    expect(await ended(ofOwn)).toMatchObject({
      ended: { head: primary.ended?.head },
      shadowOf: { run: 'drawn', id: 'all' },
    });
    expect(await ended(ofCandidate)).toMatchObject({ ended: { failure: { type: 'Model.Authentication' } } });
    expect(await attempts()).toBe(before);
    await until(isQuiet);
    await set({ kind: 'unshadow' });
  });

  test('what its budget does not reach is dropped and counted, and what was wanted before it was stopped', async () => {
    const release = await releaseNow();
    const dropped = async () => (await state())?.dropped ?? { budget: 0, stopped: 0 };
    const before = await dropped();
    await set({ kind: 'shadow', ...shadowing(release, { id: 'poor', tokensADay: 1 }) });
    await run('look 1', 'poor');
    await until(async () => (await dropped()).budget === before.budget + 1);
    expect(await recordOf(shadowRunId('poor', release))).toBeUndefined();

    const old = { schemaVersion: 1, run: 'poor', agent: 'clerk', release, at: Date.now(), id: 'of-before' } as const;
    await on.stack.store.commit({ refs: [wantShadow(old)] });
    await until(async () => (await dropped()).stopped === before.stopped + 1);
    await set({ kind: 'unshadow' });
  });

  test('a worker that is gone in the middle of beginning one leaves no second', async () => {
    const { release } = await run('look 1, pay 2', 'twice');
    await on.stack.stopWorker();
    const { id } = await shadow('twice', release);
    const { store, temporal } = on.stack;
    const deps = keeperDeps({
      ...{ temporal, taskQueue: 'agents' },
      deps: { store, conversation: createConversation(store), now: Date.now },
    });
    const said: unknown[] = [];
    const failed = (_: string, error: unknown): void => void said.push(error);
    await lookAfterShadows({ ...deps, failed, start: () => Promise.reject(new Error('killed')) });
    // Started, and killed before anybody was told.
    const late: typeof deps = {
      ...{ ...deps, failed },
      start: async (start) => {
        await deps.start(start);
        throw new Error('killed');
      },
    };
    await lookAfterShadows(late);
    expect(said).toEqual([new Error('killed'), new Error('killed')]);
    const begun = (await state())?.begun;
    await on.stack.restartWorker();
    await ended(id);
    await until(isQuiet);
    expect((await state())?.begun).toBe(begun);
    expect(await toolCalls(id)).toEqual(['look recorded', 'pay recorded']);
  });
});

test('a worker of an earlier version keeps shadows from beginning, whose calls it would make', async () => {
  const { release } = await run('look 1, pay 2', 'deploying');
  const { server, store } = on.stack;
  const connection = await NativeConnection.connect({ address: server.address });
  const older = await Worker.create({
    ...{ connection, namespace: server.namespace, taskQueue: 'agents', identity: '1@older 2' },
    activities: { callTool: () => Promise.reject(new Error('it would be made')) },
  });
  const gone = older.run();
  let id = '';
  try {
    await until(async () => {
      const { pollers } = await polledQueue(on.stack.temporal.connection, {
        ...{ namespace: server.namespace, taskQueue: 'agents', kind: 'calls' },
      });
      return pollers.some(({ identity }) => identity === '1@older 2');
    });
    ({ id } = await shadow('deploying', release));
    await until(async () => (await state())?.heldBack?.includes('1@older 2') === true);
    expect(await recordOf(id)).toBeUndefined();
    // Without a server it is known by what workers say of themselves alone.
    const one = { ...{ schemaVersion: 1, worker: '3@old 4', at: 1, releases: {}, strict: false }, toolboxes: ['desk'] };
    await store.commit({ refs: [{ op: 'put', name: servingName('3@old 4'), value: one }] });
  } finally {
    older.shutdown();
    await gone;
    await connection.close();
  }
  await until(async () => (await state())?.heldBack?.includes('3@old 4') === true);
  await store.deleteRef(servingName('3@old 4'));
  // Where Temporal is not told that a worker stops, it takes the older one for alive for as long as a poll lasts.
  await until(async () => (await recordOf(id))?.ended !== undefined, 105_000);
  expect(await toolCalls(id)).toEqual(['look recorded', 'pay recorded']);
  expect(await state()).not.toHaveProperty('heldBack');
}, 240_000);

test('what cannot be shadowed is refused, in one line', async () => {
  const { release } = await run('look 1', 'plain');
  await expect(shadow('nobody', release)).rejects.toThrow('there is no run "nobody"');
  await expect(shadow('plain', 'v99')).rejects.toThrow('no release of clerk is named "v99"');
  const helpers = (await readPointer(on.stack.store, 'helper'))?.pointer.release ?? '';
  await expect(shadow('plain', helpers)).rejects.toThrow('is one of helper, not of clerk');
  const { id } = await shadow('plain', release);
  await ended(id);
  await expect(shadow(id, release)).rejects.toThrow('is a shadow itself');
  expect(await shadow('plain', release)).toMatchObject({ known: { id } });
  const { client } = on.stack;
  const mine = client.agent<ReturnType<typeof clerk>>('clerk').start('look 1', { id: 'shadow/mine' });
  await expect(mine).rejects.toThrow('ids do not begin with');
});
