// Needs: nothing. What the next execution of a moved run begins with.
import type { AgentRunInput, CarriedState, RunPlan } from '../../workflows/contract/run';
import { goesOnAs } from '../../workflows/core/take-release';

const planOf = (limits: Partial<RunPlan['limits']>, more: Partial<RunPlan> = {}): RunPlan => ({
  ...({ tools: {}, model: {}, repairs: 1 } as unknown as RunPlan),
  limits: limits as RunPlan['limits'],
  ...more,
});
const moved = (own: RunPlan, to: RunPlan): AgentRunInput => {
  const input = { release: 'a', plan: own } as AgentRunInput;
  return goesOnAs(input, { move: { to: { release: 'b', plan: to } } } as CarriedState);
};

test('a run that its caller holds to less is held to it by the other release too, and never let to more than that one says', () => {
  const { release, plan, carried } = moved(
    planOf({ turns: 3, tokens: 9_000 }),
    planOf({ turns: 9, tokens: 500, toolCalls: 4 }),
  );
  expect(release).toBe('b');
  expect(plan.limits).toEqual({ turns: 3, tokens: 500, toolCalls: 4 });
  expect(carried?.move).toEqual({ from: 'a' });
});

test('a debugger that has lifted its time-outs has lifted them there too', () => {
  expect(moved(planOf({}, { inspect: true }), planOf({})).plan.inspect).toBe(true);
  expect(moved(planOf({}), planOf({})).plan).not.toHaveProperty('inspect');
});
