// Needs a Temporal CLI, which an embedded server is started from, and the model server: new runs, messages to sessions and runs that wait in a
// queue take the release that the store says at that moment, and a rollback is heeded by all of them.
import { defineAgent } from '../../activities/define';
import { changeTraffic, type TrafficChange } from '../../activities/store/change-traffic';
import { pickRelease, readPointer } from '../../activities/store/pick-release';
import { cancelRunsOn, openRunsOn, rollBack } from '../../client/roll-back';
import { WHOLE_SHARE, type AgentPointer } from '../../workflows/contract/schemas/traffic';
import { script, type ModelRequest } from '../kit/model-server';
import { until } from '../stack/until';
import { useStack } from '../stack/use-stack';

jest.setTimeout(180_000);

const version = (nth: number) => {
  const instructions = `You are version ${nth}.`;
  return {
    teller: defineAgent({ name: 'teller', instructions }),
    talker: defineAgent({ name: 'talker', instructions, mode: 'session' }),
    waiter: defineAgent({ name: 'waiter', instructions, queue: 'single' }),
  };
};

/** Those that are told to hold are answered once they are let go. */
const held = new Map<string, () => void>();
async function respond({ messages }: ModelRequest) {
  const text = messages.map((message) => message.text ?? '').join('\n');
  const hold = /hold-[\w-]+/.exec(text)?.[0];
  if (hold !== undefined) await new Promise<void>((resolve) => held.set(hold, resolve));
  return script()
    .answer(/You are (version \d)/.exec(text)?.[1] ?? 'nobody')
    .turnAt(0);
}
const on = useStack(
  { respond },
  {
    agents: Object.values(version(1)),
    queues: { single: { depth: 10, concurrency: 1, weights: {}, shards: 1, degrade: [] } },
  },
);

const pointerOf = async (agent: string): Promise<AgentPointer> => {
  const found = await readPointer(on.stack.store, agent);
  if (!found) throw new Error(`${agent} is not published`);
  return found.pointer;
};
const change = async (agent: string, wanted: TrafficChange): Promise<void> => {
  expect(await changeTraffic(on.stack.store, agent, wanted, { by: 'ada' })).toMatchObject({ kind: 'changed' });
};
/** The first version takes all new runs, the second is the candidate with this share. */
async function offer(
  agent: string,
  share: number,
  sticky: 'run' | 'session' = 'run',
): Promise<{ one: string; two: string }> {
  const { release: one } = await pointerOf(agent);
  await on.stack.publish(Object.values(version(2)));
  const { release: two } = await pointerOf(agent);
  await change(agent, { kind: 'release', release: one });
  await change(agent, { kind: 'candidate', release: two, share, rollout: 'r1', salt: 'r1', sticky });
  return { one, two };
}
beforeEach(async () => {
  for (const { name } of await on.stack.store.listRefs('agent/')) await on.stack.store.deleteRef(name);
  await on.stack.publish(Object.values(version(1)));
});

test('a share of new runs takes the candidate, always the same ones, is answered by it, and says so in its record', async () => {
  const { one, two } = await offer('teller', WHOLE_SHARE / 2);
  const pointer = await pointerOf('teller');
  const arms = new Set<string>();
  for (let nth = 0; nth < 12; nth += 1) {
    const run = await on.stack.client.agent('teller').start('who are you?', { id: `told-${nth}`, tenant: 't' });
    const { release, rollout } = await run.record();
    expect({ release, rollout }).toEqual(pickRelease(pointer, { tenant: 't', run: run.id }));
    expect(await run.result()).toMatchObject({ output: release === two ? 'version 2' : 'version 1' });
    arms.add(rollout?.arm ?? '');
  }
  expect(arms).toEqual(new Set(['current', 'candidate']));
  // Started again it is the run that it was, whatever new runs take by then.
  await change('teller', { kind: 'withdraw', rollout: 'r1' });
  const again = await on.stack.client.agent('teller').start('who are you?', { id: 'told-0', tenant: 't' });
  expect((await again.record()).release).toBe(pickRelease(pointer, { tenant: 't', run: 'told-0' }).release);
  const later = await on.stack.client.agent('teller').start('who are you?', { tenant: 't' });
  expect(await later.record()).toMatchObject({ release: one });
  expect(await later.record()).not.toHaveProperty('rollout');
});

test('a session stays with one of the two while the share grows, and goes back with a rollback', async () => {
  const { one, two } = await offer('talker', WHOLE_SHARE / 2, 'session');
  const pointer = await pointerOf('talker');
  const session = (nth: number): string => `talk-${nth}`;
  const isCandidate = (nth: number): boolean =>
    pickRelease(pointer, { tenant: 'acme', session: session(nth), run: 'any' }).release === two;
  const chosen = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].find(isCandidate) ?? -1;
  const talk = on.stack.client.session('talker', session(chosen), { tenant: 'acme' });
  const say = async (text: string): Promise<string> => {
    const run = await talk.send(text);
    await run.result();
    return (await run.record()).release;
  };
  expect(await say('first')).toBe(two);
  await change('talker', {
    kind: 'candidate',
    release: two,
    share: 9_000,
    rollout: 'r1',
    salt: 'r1',
    sticky: 'session',
  });
  expect(await say('second')).toBe(two);
  await rollBack(on.stack.store, 'talker', { by: 'ada' });
  expect(await say('third')).toBe(one);
});

test('a run that waits in a queue while its release is taken back begins with what new runs take', async () => {
  const { one, two } = await offer('waiter', WHOLE_SHARE);
  const first = await on.stack.client.agent('waiter').start('hold-first');
  const waiting = await on.stack.client.agent('waiter').start('who are you?');
  expect(await waiting.record()).toMatchObject({ release: two, rollout: { arm: 'candidate' } });
  await until(() => held.has('hold-first'));
  await rollBack(on.stack.store, 'waiter', { by: 'ada' });
  held.get('hold-first')?.();
  expect(await first.result()).toMatchObject({ output: 'version 2' });
  expect(await waiting.result()).toMatchObject({ output: 'version 1' });
  expect(await waiting.record()).toMatchObject({ release: one });
  expect(await waiting.record()).not.toHaveProperty('rollout');
});

test('open runs of what was taken back go on, or are ended where that is asked for; runs of what stays go on', async () => {
  const { one, two } = await offer('teller', 0);
  const start = (question: string) => on.stack.client.agent('teller').start(question);
  const stays = await start('hold-stays');
  await change('teller', {
    kind: 'candidate',
    release: two,
    share: WHOLE_SHARE,
    rollout: 'r1',
    salt: 'r1',
    sticky: 'run',
  });
  const runs = await Promise.all(['hold-a', 'hold-b', 'hold-c'].map(start));
  await until(() => ['hold-stays', 'hold-a', 'hold-b', 'hold-c'].every((name) => held.has(name)));
  const done = await rollBack(on.stack.store, 'teller', { by: 'ada', why: 'it is worse' });
  if (done.kind === 'refused') throw new Error(done.message);
  expect(done).toMatchObject({ withdrawn: [two], pointer: { release: one } });
  expect((await openRunsOn(on.stack.store, 'teller', [two])).runs.map(({ id }) => id).sort()).toEqual(
    runs.map(({ id }) => id).sort(),
  );
  const { store, client } = on.stack;
  const about = { changedAt: done.record.at, reason: 'it is worse' };
  const cancelled = await cancelRunsOn({ store, client }, 'teller', [two], about);
  expect(cancelled).toEqual({ asked: expect.arrayContaining(runs.map(({ id }) => id)), failed: [] });
  for (const run of runs) expect(await run.result()).toMatchObject({ outcome: 'cancelled' });
  held.get('hold-stays')?.();
  expect(await stays.result()).toMatchObject({ outcome: 'completed', output: 'version 1' });
});
