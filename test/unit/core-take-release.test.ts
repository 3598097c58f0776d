// Needs: nothing. What the next execution of a moved run begins with, and when a run that was asked stays.
import { defineAgent } from '../../activities/define';
import type { AgentRunInput, CarriedState, RunLimits, RunPlan } from '../../workflows/contract/run';
import type { Run, RunEnvironment } from '../../workflows/core/environment';
import { goesOnAs, stayForTools, takeReleaseRefusal, takesRelease } from '../../workflows/core/take-release';
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

const tool = { effect: 'read', timeoutMs: 1, attempts: 1, onFailure: 'tell-model' } as const;
const NO_STEPS: Pick<CarriedState, 'steps'> = { steps: [] };
const without = { release: 'b'.repeat(64), plan: planOf({}, { tools: { look: tool } }) };
/** One that is asked to go on without the tool `extra`, that it has itself. */
const asked = (staysForTools = true): Run => ({
  input: { release: 'a'.repeat(64), plan: planOf({}, { tools: { look: tool, extra: tool } }) } as AgentRunInput,
  state: { waiting: [], kept: { length: 3, lastSeq: 0, move: { to: without }, ...NO_STEPS } as CarriedState },
  firstRunId: '',
  environment: { now: () => 0, staysForTools: () => staysForTools } as RunEnvironment,
});
const turnOf = (...names: string[]) => ({
  message: '',
  calls: names.map((name) => ({ name, preview: '' })),
  results: names.map(() => null),
});

test.each([
  [['look', 'extra'], true],
  // What its model made up is a tool of neither.
  [['look', 'nonsense'], false],
  [[], false],
])('asked in the middle of a turn that calls %j it stays: %p', (names, stays) => {
  const run = asked();
  stayForTools(run, turnOf(...names));
  expect(takesRelease(run.state)).toBe(!stays);
  expect(run.state.kept.steps.map(({ label }) => label)).toEqual(
    stays ? ['stays with release aaaaaaaaaaaa: bbbbbbbbbbbb has no tool extra, which it has called'] : [],
  );
});

test('a run of before takes it all the same, as its history says', () => {
  const run = asked(false);
  stayForTools(run, turnOf('extra'));
  expect(takesRelease(run.state)).toBe(true);
});

test('what has gone on since it was looked at is not taken', () => {
  const request = { release: 'c'.repeat(64), plan: planOf({}) };
  expect(takeReleaseRefusal(asked(), { ...request, length: 3 })).toBeUndefined();
  expect(takeReleaseRefusal(asked(), request)).toBeUndefined();
  expect(takeReleaseRefusal(asked(), { ...request, length: 2 })).toMatch(/has gone on since/);
});
