// Needs nothing: which release a new run takes follows from the pointer and what the run is kept by, and from nothing else.
import { z } from 'zod';
import { pickRelease, type NewRun } from '../../activities/store/pick-release';
import {
  agentPointerSchema,
  WHOLE_SHARE,
  type AgentPointer,
  type Sticky,
} from '../../workflows/contract/schemas/traffic';

/** Of the first 16 runs at a half. */
const KEPT = [true, true, false, false, false, false, true, true, false, true, ...Array<boolean>(6).fill(false)];
const [CURRENT, CANDIDATE] = ['c'.repeat(64), 'd'.repeat(64)];
const pointer = (
  share: number,
  sticky: Sticky = 'run',
  more: { salt?: string; agent?: string } = {},
): AgentPointer => ({
  agent: more.agent ?? 'support',
  release: CURRENT,
  at: 1,
  epoch: 2,
  managed: true,
  candidate: { release: CANDIDATE, share, rollout: 'r1', salt: more.salt ?? 's', sticky },
});
const run = (nth: number, more: Partial<NewRun> = {}): NewRun => ({ tenant: 't', run: `run-${nth}`, ...more });
const MANY = Array.from({ length: 4_000 }, (_, nth) => run(nth));
const taken = (by: AgentPointer, runs: readonly NewRun[] = MANY): Set<string> =>
  new Set(runs.filter((one) => pickRelease(by, one).release === CANDIDATE).map((one) => one.run));

test('without a rollout all new runs take the current release, and are counted by none', () => {
  expect(pickRelease({ agent: 'support', release: CURRENT, at: 1 }, run(1))).toEqual({ release: CURRENT });
});

test('the arm of a rollout is that of the release that was picked', () => {
  expect(pickRelease(pointer(0), run(1))).toEqual({ release: CURRENT, rollout: { id: 'r1', arm: 'current' } });
  expect(pickRelease(pointer(WHOLE_SHARE), run(1))).toEqual({
    release: CANDIDATE,
    rollout: { id: 'r1', arm: 'candidate' },
  });
});

test('the same key takes the same release, however often and whoever asks', () => {
  for (const one of MANY.slice(0, 100))
    expect(pickRelease(pointer(5_000), one)).toEqual(pickRelease(pointer(5_000), one));
  // Kept for ever: a rollout under way must not deal its keys anew with a new version.
  expect(MANY.slice(0, 16).map((one) => pickRelease(pointer(5_000), one).rollout?.arm === 'candidate')).toEqual(KEPT);
});

test('a larger share adds keys, and no key goes back', () => {
  let before = new Set<string>();
  for (const share of [0, 1, 100, 500, 2_500, 5_000, 9_999, WHOLE_SHARE]) {
    const now = taken(pointer(share));
    expect([...before].filter((key) => !now.has(key))).toEqual([]);
    before = now;
  }
  expect(before.size).toBe(MANY.length);
});

test.each([100, 500, 2_500, 5_000])('a share of %p in 10,000 is taken by that many, to the chance of it', (share) => {
  const expected = (MANY.length * share) / WHOLE_SHARE;
  // Five standard deviations: of the fixed keys here it holds or does not, whenever it runs.
  const apart = 5 * Math.sqrt(expected * (1 - share / WHOLE_SHARE));
  expect(Math.abs(taken(pointer(share)).size - expected)).toBeLessThan(apart);
});

test('another rollout, and another agent, deal anew: not the same keys are always the first', () => {
  const [one, other, agents] = [
    pointer(5_000),
    pointer(5_000, 'run', { salt: 'x' }),
    pointer(5_000, 'run', { agent: 'b' }),
  ];
  for (const again of [other, agents]) {
    const both = [...taken(one)].filter((key) => taken(again).has(key)).length;
    expect(both / MANY.length).toBeGreaterThan(0.22);
    expect(both / MANY.length).toBeLessThan(0.28);
  }
});

test('by tenant all runs of one go together; by session those of one session; a run without one is by itself', () => {
  const arms = (sticky: Sticky, runs: readonly NewRun[]): number =>
    new Set(runs.map((one) => pickRelease(pointer(5_000, sticky), one).release)).size;
  const sameTenant = MANY.slice(0, 50);
  const sameSession = sameTenant.map((one) => ({ ...one, session: 'a' }));
  expect([arms('tenant', sameTenant), arms('tenant', sameSession)]).toEqual([1, 1]);
  expect([arms('session', sameSession), arms('session', sameTenant)]).toEqual([1, 2]);
  expect([arms('run', sameSession), arms('run', sameTenant)]).toEqual([2, 2]);
  const sessions = sameTenant.map((one, nth) => ({ ...one, session: `s${nth}` }));
  expect(arms('session', sessions)).toBe(2);
  expect(
    arms(
      'session',
      sameSession.map((one, nth) => ({ ...one, tenant: `t${nth}` })),
    ),
  ).toBe(2);
});

test('a pointer of before there were rollouts is read; by a version of then the new one is the current release', () => {
  const old = { agent: 'support', release: CURRENT, at: 1 };
  expect(agentPointerSchema.parse(old)).toEqual(old);
  const oldSchema = z.object({ agent: z.string(), release: z.string(), at: z.number() });
  expect(oldSchema.parse(pointer(9_000))).toEqual(old);
});
