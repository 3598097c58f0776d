// Needs: nothing. The modes of an agent, and the limits that contradict them.
import { defineAgent, type Duration } from '../../activities/define';
import { describeAgent } from '../../activities/describe-agent';

const about = { name: 'a', instructions: 'Answer.' };

test('an agent is async where nothing is said, and its release does not name a mode', () => {
  const described = describeAgent(defineAgent({ ...about }));
  expect(described).toEqual(describeAgent(defineAgent({ ...about, mode: 'async' })));
  expect(described).not.toHaveProperty('sync');
  expect(described).not.toHaveProperty('session');
});

test('a sync agent has its time, and its calls as a limit', () => {
  const described = describeAgent(defineAgent({ ...about, mode: 'sync', sync: { within: '5s', calls: 3 } }));
  expect(described.sync).toEqual({ withinMs: 5_000, calls: 3 });
  expect(described.plan.limits).toMatchObject({ turns: 3, modelCalls: 3 });
  expect(describeAgent(defineAgent({ ...about, mode: 'sync' })).sync).toEqual({ withinMs: 20_000, calls: 4 });
  const narrower = describeAgent(defineAgent({ ...about, mode: 'sync', limits: { turns: 2, wall: '1m' } }));
  expect(narrower.plan.limits).toMatchObject({ turns: 2, modelCalls: 4, wallMs: 60_000 });
});

test('a session agent has its mailbox, its idle time and what it does when it is busy', () => {
  const described = describeAgent(
    defineAgent({ ...about, mode: 'session', session: { onBusy: 'steer', mailbox: 5, idle: '2h' } }),
  );
  expect(described.session).toEqual({ onBusy: 'steer', mailbox: 5, idleMs: 7_200_000 });
  expect(describeAgent(defineAgent({ ...about, mode: 'session' })).session).toEqual({
    ...{ onBusy: 'enqueue', mailbox: 100, idleMs: 30 * 24 * 3_600_000 },
  });
});

const sync = { ...about, mode: 'sync' } as const;
test.each<[string, () => unknown, string]>([
  ['an unknown mode', () => defineAgent({ ...about, mode: 'batch' as 'sync' }), 'is none of sync, async, session'],
  ['sync of another mode', () => defineAgent({ ...about, sync: {} }), 'sync is for agents of mode "sync"'],
  [
    'session of another mode',
    () => defineAgent({ ...sync, session: {} }),
    'session is for agents of mode "session", and this one\'s is "sync"',
  ],
  [
    'more turns than calls',
    () => defineAgent({ ...sync, limits: { turns: 5 } }),
    'limits.turns is 5, and sync.calls 4',
  ],
  [
    'more model calls than calls',
    () => defineAgent({ ...sync, sync: { calls: 1 }, limits: { modelCalls: 2 } }),
    'limits.modelCalls is 2, and sync.calls 1',
  ],
  [
    'a wall time before its time is over',
    () => defineAgent({ ...sync, limits: { wall: '10s' } }),
    'limits.wall ends a run before sync.within is over',
  ],
  [
    'tasks that wait for others as long',
    () => defineAgent({ ...sync, sync: { within: '400ms' }, batch: {} }),
    'batch.delay is no shorter than sync.within',
  ],
  ['an hour', () => defineAgent({ ...sync, sync: { within: '1h' } }), 'ten minutes at most'],
  ['no time', () => defineAgent({ ...sync, sync: { within: 'soon' as Duration } }), 'sync.within'],
  ['no call', () => defineAgent({ ...sync, sync: { calls: 0 } }), 'sync.calls must be a whole number from 1'],
  [
    'an option that is not known',
    () => defineAgent({ ...about, mode: 'session', session: { onbusy: 'steer' } as object }),
    '"onbusy" is not known',
  ],
  [
    'a mailbox without room',
    () => defineAgent({ ...about, mode: 'session', session: { mailbox: 0 } }),
    'session.mailbox must be a whole number from 1',
  ],
  [
    'a mailbox that is too large',
    () => defineAgent({ ...about, mode: 'session', session: { mailbox: 1_001 } }),
    'session.mailbox is 1000 at most',
  ],
])('%s is refused', (_, define, why) => {
  expect(define).toThrow(why);
});
