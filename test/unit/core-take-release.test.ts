// Needs: nothing. What the next execution of a moved run begins with.
import { defineAgent } from '../../activities/define';
import type { AgentRunInput, CarriedState, RunLimits, RunPlan } from '../../workflows/contract/run';
import { goesOnAs } from '../../workflows/core/take-release';
import { manifestFor } from '../stack/manifest-for';

const { plan } = manifestFor(defineAgent({ name: 'teller', instructions: 'Tell.' }), ['test/model']).manifest;
const planOf = (limits: Partial<RunLimits>, more: Partial<RunPlan> = {}): RunPlan => ({
  ...{ ...plan, limits: { ...plan.limits, ...limits } },
  ...more,
});
const moved = (own: RunPlan, to: RunPlan): AgentRunInput =>
  goesOnAs({ release: 'a', plan: own } as AgentRunInput, { move: { to: { release: 'b', plan: to } } } as CarriedState);

test('a run that its caller holds to less is held to it by the other release too, and never let to more than that one says', () => {
  const { release, plan, carried } = moved(
    planOf({ turns: 3, tokens: 9_000 }),
    planOf({ turns: 9, tokens: 500, toolCalls: 4 }),
  );
  expect(release).toBe('b');
  expect(plan.limits).toMatchObject({ turns: 3, tokens: 500, toolCalls: 4 });
  expect(carried?.move).toEqual({ from: 'a' });
});

test('a debugger that has lifted its time-outs has lifted them there too', () => {
  expect(moved(planOf({}, { inspect: true }), planOf({})).plan.inspect).toBe(true);
  expect(moved(planOf({}), planOf({})).plan).not.toHaveProperty('inspect');
});
