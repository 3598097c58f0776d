// Needs a Temporal CLI, which an embedded server is started from, and the model server: rollouts from their first step to their end, by what their
// runs come to, by what people say, and by who changes the traffic past them.
import { defineAgent } from '../../activities/define';
import { changeTraffic, trafficHistory } from '../../activities/store/change-traffic';
import { readPointer } from '../../activities/store/pick-release';
import { looksIn, readRollout } from '../../activities/store/rollouts';
import { beginRollout, callOff, prepareRollout, type RolloutAsked } from '../../client/begin-rollout';
import { rollBack } from '../../client/roll-back';
import { sayToRollout } from '../../client/rollouts';
import { tellServing, type ServingTeller } from '../../workers/tell-serving';
import { QUERY_NAMES, SIGNAL_NAMES, rolloutWorkflowId } from '../../workflows/contract/names';
import type { RolloutKept, RolloutView } from '../../workflows/contract/rollout';
import type { AgentPointer } from '../../workflows/contract/schemas/traffic';
import { script, type ModelRequest } from '../kit/model-server';
import { until } from '../stack/until';
import { useStack } from '../stack/use-stack';

jest.setTimeout(240_000);

const version = (nth: string) => defineAgent({ name: 'teller', instructions: `You are version ${nth}.` });

/** Answers of different lengths, by the run: `bad` never has one. */
function respond({ messages }: ModelRequest) {
  const text = messages.map((message) => message.text ?? '').join('\n');
  if (text.includes('version bad')) return script().refuse('no').turnAt(0);
  const words = Number(/word (\d+)/.exec(text)?.[1] ?? 1) % 7;
  return script()
    .answer('yes '.repeat(1 + words))
    .turnAt(0);
}
const on = useStack({ respond }, { agents: [version('one')] });

const pointerOf = async (): Promise<AgentPointer> => {
  const found = await readPointer(on.stack.store, 'teller');
  if (!found) throw new Error('teller is not published');
  return found.pointer;
};
const releases: { [version: string]: string } = {};
let serving: ServingTeller;
beforeAll(async () => {
  for (const nth of ['good', 'bad', 'one']) {
    await on.stack.publish([version(nth)]);
    releases[nth] = (await pointerOf()).release;
  }
  serving = tellServing({
    ...{ store: on.stack.store, worker: 'w', strict: false },
    releases: () => ({ teller: Object.values(releases) }),
  });
  await serving.tell();
});
afterAll(() => serving.stop());
beforeEach(async () => {
  // What a test left that has failed.
  const { candidate, release } = await pointerOf();
  if (candidate) await rollBack(on.stack.store, 'teller', { by: 'test' });
  if (release !== releases['one'])
    await changeTraffic(on.stack.store, 'teller', { kind: 'release', release: releases['one'] ?? '' }, { by: 'test' });
});

/** Chance decides by the ids of rollouts and runs: these are the same every time. */
async function begin(nth: string, id: string, about: Partial<RolloutAsked> = {}): Promise<RolloutKept> {
  const { store, temporal } = on.stack;
  const prepared = await prepareRollout(store, {
    ...{ agent: 'teller', release: releases[nth] ?? '', by: 'ada', why: 'a test', sticky: 'run', everyMs: 1_000 },
    ...{ steps: [20, 50, 100], units: [5], margins: { success: 0.5, tokens: 1, cost: 5, duration: 5 } },
    ...about,
  });
  return await beginRollout(
    { temporal, store, taskQueue: 'agents' },
    { ...prepared, planned: { ...prepared.planned, id } },
  );
}
const kept = async (id: string): Promise<RolloutKept> => {
  const found = await readRollout(on.stack.store, 'teller', id);
  if (!found) throw new Error(`${id} is not kept`);
  return found;
};
const ended = (id: string): Promise<void> => until(async () => (await kept(id)).ended !== undefined, 60_000);

/** Runs, so many at a time, until it is over. */
async function drive(id: string, most: number): Promise<void> {
  for (let nth = 0; nth < most && !(await kept(id)).ended; nth += 20) {
    const runs = Array.from({ length: 20 }, (_, at) => `${id}-${nth + at}`);
    const started = await Promise.all(
      runs.map((run) => on.stack.client.agent('teller').start(`word ${run.split('-')[1]}`, { id: run, tenant: 't' })),
    );
    await Promise.all(started.map((run) => run.result()));
  }
  await ended(id);
}
const say = (act: 'pause' | 'resume' | 'promote' | 'abort', why: string) =>
  sayToRollout({ temporal: on.stack.temporal, store: on.stack.store, taskQueue: 'agents' }, 'teller', act, {
    by: 'bob',
    why,
  });
const handle = () => on.stack.temporal.workflow.getHandle(rolloutWorkflowId('agents', 'teller'));

test('what is as good goes through its steps and takes over; each change says who and why', async () => {
  const begun = await begin('good', 'rol_good');
  expect(begun).toMatchObject({ from: releases['one'], release: releases['good'], steps: [{ share: 0.2 }] });
  expect(await pointerOf()).toMatchObject({ candidate: { share: 2_000, rollout: 'rol_good', sticky: 'run' } });
  await drive('rol_good', 400);
  expect(await kept('rol_good')).toMatchObject({
    steps: [{ share: 0.2 }, { share: 0.5 }],
    ended: { as: 'promoted', because: 'fine', by: 'rollout rol_good' },
  });
  const pointer = await pointerOf();
  expect(pointer).toMatchObject({ release: releases['good'], previous: releases['one'] });
  expect(pointer).not.toHaveProperty('candidate');
  const changes = (await trafficHistory(on.stack.store, 'teller')).slice(-3);
  expect(changes.map(({ change, by }) => [change, by])).toEqual([
    ['candidate', 'ada'],
    ['candidate', 'rollout rol_good'],
    ['promote', 'rollout rol_good'],
  ]);
  expect(changes.at(-1)?.why).toMatch(/^Promote: the candidate is worse in nothing/);
  const looks = await looksIn(on.stack.store, { agent: 'teller', id: 'rol_good' });
  expect(looks.at(-1)).toMatchObject({ decision: 'promote', step: 1 });
  expect(looks.at(-1)?.lines.some((line) => line.startsWith('success: candidate 100 %'))).toBe(true);
  expect(await handle().result()).toMatchObject({ as: 'promoted' });
});

test('what is worse is withdrawn by itself, and new runs take what they took', async () => {
  await begin('bad', 'rol_bad', { steps: [50, 100], units: [500] });
  await drive('rol_bad', 400);
  expect((await kept('rol_bad')).ended).toMatchObject({ as: 'withdrawn', because: 'worse', by: 'rollout rol_bad' });
  const pointer = await pointerOf();
  expect(pointer).toMatchObject({ release: releases['one'], withdrawn: expect.arrayContaining([releases['bad']]) });
  expect(pointer).not.toHaveProperty('candidate');
  const run = await on.stack.client.agent('teller').start('word 1', { tenant: 't' });
  expect(await run.record()).not.toHaveProperty('rollout');
  expect((await trafficHistory(on.stack.store, 'teller')).at(-1)).toMatchObject({
    change: 'withdraw',
    why: expect.stringMatching(/^Withdraw: the candidate is worse in success/),
  });
});

test('started twice is once', async () => {
  await begin('good', 'rol_twice');
  await expect(begin('bad', 'rol_other')).rejects.toThrow(/rollout rol_twice of teller.* is under way/);
  // Two that were prepared at the same moment.
  const { store, temporal } = on.stack;
  await say('abort', 'enough');
  await ended('rol_twice');
  const asked = { agent: 'teller', release: releases['good'] ?? '', by: 'ada', sticky: 'run' as const };
  const both = await Promise.all([prepareRollout(store, asked), prepareRollout(store, asked)]);
  const begun = await Promise.allSettled(
    both.map((one) => beginRollout({ temporal, store, taskQueue: 'agents' }, one)),
  );
  expect(begun.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(begun.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []))).toEqual([
    // By what the other had done by then.
    expect.stringMatching(/^ClientError: (a rollout of teller is under way|it was not begun: .*another begins)/),
  ]);
  await say('abort', 'enough');
  await until(async () => !(await pointerOf()).candidate);
});

test('paused, resumed and asked how it stands; aborted while promoting it is one of the two, and says which', async () => {
  await begin('good', 'rol_said');
  await say('pause', 'lunch');
  await until(async () => (await kept('rol_said')).paused !== undefined);
  const view = await handle().query<RolloutView>(QUERY_NAMES.rollout);
  expect(view).toMatchObject({ id: 'rol_said', steps: [{ share: 0.2 }], paused: { by: 'bob', why: 'lunch' } });
  await say('resume', 'back');
  await until(async () => (await kept('rol_said')).paused === undefined);
  const said = await Promise.allSettled([say('promote', 'sure'), say('abort', 'no')]);
  await ended('rol_said');
  const { ended: end, told } = await kept('rol_said');
  const pointer = await pointerOf();
  expect(pointer).not.toHaveProperty('candidate');
  expect(pointer.release).toBe(releases[end?.as === 'promoted' ? 'good' : 'one']);
  expect(end).toMatchObject(
    end?.as === 'promoted'
      ? { because: 'person', by: 'bob', why: 'sure' }
      : { as: 'withdrawn', because: 'person', why: 'no' },
  );
  // Exactly one change took its candidate out; whoever lost is named, or was refused because it was over.
  const out = (await trafficHistory(on.stack.store, 'teller')).filter(
    ({ before, after }) => before?.candidate?.rollout === 'rol_said' && !after.candidate,
  );
  expect(out).toHaveLength(1);
  expect(told.length + said.filter(({ status }) => status === 'rejected').length).toBe(4);
  await expect(say('abort', 'again')).rejects.toThrow(
    /rollout rol_said of teller is over: (promoted|withdrawn) by bob/,
  );
});

test('promoted by hand: the change says who and why; what Temporal’s own tools send does the same', async () => {
  await begin('good', 'rol_hand');
  await handle().signal(SIGNAL_NAMES.promoteRollout, { by: 'eve', why: 'seen by hand' });
  await ended('rol_hand');
  expect((await trafficHistory(on.stack.store, 'teller')).at(-1)).toMatchObject({
    ...{ change: 'promote', by: 'eve', why: 'seen by hand' },
    after: { release: releases['good'] },
  });
});

test('passed over by a rollback it ends, says so, and never puts its candidate back', async () => {
  await begin('good', 'rol_over');
  await rollBack(on.stack.store, 'teller', { by: 'eve', why: 'too many complaints' });
  await ended('rol_over');
  expect((await kept('rol_over')).ended).toMatchObject({
    ...{ as: 'superseded', because: 'changed', by: 'eve' },
    why: expect.stringMatching(/\(rollback\).*too many complaints/),
  });
  expect(await pointerOf()).not.toHaveProperty('candidate');
  expect((await trafficHistory(on.stack.store, 'teller')).at(-1)).toMatchObject({ change: 'rollback' });
  // Another need not wait until it has noticed.
  await begin('good', 'rol_slow', { everyMs: 3_600_000 });
  await rollBack(on.stack.store, 'teller', { by: 'eve' });
  expect(await begin('good', 'rol_next')).toMatchObject({ id: 'rol_next' });
  expect((await kept('rol_slow')).ended).toMatchObject({ as: 'superseded', by: 'eve' });
  await say('abort', 'enough');
  await ended('rol_next');
});

test('cancelled by plain Temporal it takes its candidate back; terminated, an abort does', async () => {
  await begin('good', 'rol_cancelled');
  await handle().cancel();
  await ended('rol_cancelled');
  expect((await kept('rol_cancelled')).ended).toMatchObject({ as: 'withdrawn', by: 'Temporal' });
  await begin('good', 'rol_gone');
  await handle().terminate('by hand');
  await expect(say('pause', 'lunch')).rejects.toThrow(/workflow of rollout rol_gone is gone/);
  expect(await pointerOf()).toMatchObject({ candidate: { rollout: 'rol_gone' } });
  await say('abort', 'its workflow is gone');
  expect((await kept('rol_gone')).ended).toMatchObject({ as: 'withdrawn', by: 'bob' });
  const pointer = await pointerOf();
  expect(pointer).toMatchObject({ release: releases['one'] });
  expect(pointer).not.toHaveProperty('candidate');
});

test('called off by its own execution: what has begun since under the same id hears nothing of it', async () => {
  const { temporal } = on.stack;
  const workflowId = rolloutWorkflowId('agents', 'teller');
  const executionOf = async (): Promise<string> => (await handle().describe()).runId;
  await begin('good', 'rol_first');
  const first = await executionOf();
  await say('abort', 'enough');
  await handle().result();
  await begin('good', 'rol_second');
  await callOff(temporal, { workflowId, execution: first }, { by: 'ada', why: 'late' });
  expect(await handle().query<RolloutView>(QUERY_NAMES.rollout)).toMatchObject({ id: 'rol_second', told: [] });
  await callOff(temporal, { workflowId, execution: await executionOf() }, { by: 'ada', why: 'no worker' });
  await ended('rol_second');
  expect((await kept('rol_second')).ended).toMatchObject({ as: 'withdrawn', by: 'ada', why: 'no worker' });
});

test('where its workflow is gone and the traffic was changed past it, an abort says by whom', async () => {
  await begin('good', 'rol_past');
  await handle().terminate('by hand');
  await rollBack(on.stack.store, 'teller', { by: 'eve', why: 'complaints' });
  await expect(say('abort', 'no')).rejects.toThrow(/rollout rol_past .* is over: its traffic was changed by eve/);
  expect((await kept('rol_past')).ended).toMatchObject({ as: 'superseded', because: 'changed', by: 'eve' });
});

test('a first step upon traffic that was changed since is refused, and changes nothing', async () => {
  const { store, temporal } = on.stack;
  const prepared = await prepareRollout(store, { agent: 'teller', release: releases['good'] ?? '', by: 'ada' });
  await changeTraffic(store, 'teller', { kind: 'release', release: releases['bad'] ?? '' }, { by: 'eve' });
  await expect(beginRollout({ temporal, store, taskQueue: 'agents' }, prepared)).rejects.toMatchObject({
    code: 'refused',
    message: expect.stringContaining('it was not begun: change'),
  });
  expect(await pointerOf()).toMatchObject({ release: releases['bad'] });
});
