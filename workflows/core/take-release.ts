// A run moved to another release of its agent. It is taken between two turns, where nothing is in flight, by the next execution: what an
// execution was started with holds to its end, as its input in the history says.
import { LIMIT_NAMES } from '../contract/limits';
import type { AgentRunInput, CarriedState, RunLimits, RunPlan } from '../contract/run';
import { GROWN_SINCE, type TakeReleaseRequest } from '../contract/take-release';
import type { ToolTurn } from '../contract/tool-call';
import type { Run } from './environment';
import { over } from './interventions';
import { callContext } from './model-turn';
import { step } from './persist';
import { isHash } from './requests';
import { note, type RunState } from './run-state';

const shown = (release: string): string => release.slice(0, 12);

/** @returns why it goes on with the release that it has, undefined where it takes the other */
export function takeReleaseRefusal(run: Run, request: TakeReleaseRequest): string | undefined {
  const refusal = over(run);
  if (refusal !== undefined) return refusal;
  const { input, state } = run;
  if (input.parent) return 'it answers a call of another run, whose release names its own';
  const { release, plan, length }: { release?: unknown; plan?: unknown; length?: unknown } = request ?? {};
  const isPlan = typeof plan === 'object' && plan !== null && 'limits' in plan && 'tools' in plan && 'model' in plan;
  if (typeof release !== 'string' || !isHash(release) || !isPlan)
    return 'give the hash of a release, and its plan: "longhaul rollback --running move" does';
  if (release === input.release && !state.kept.move?.to) return `it goes by release ${shown(release)} already`;
  return length === undefined || length === state.kept.length ? undefined : GROWN_SINCE;
}

/** Asked for twice the newest counts; asked for what it has, nothing is taken. */
export function takeRelease({ input, state, environment }: Run, { release, plan }: TakeReleaseRequest): void {
  const { to: _, ...move } = state.kept.move ?? {};
  state.kept.move = release === input.release ? move : { ...move, to: { release, plan } };
  note(state, { kind: 'note', label: `takes release ${shown(release)} at its next turn` }, environment.now());
}

/** What the turn under way has called, when it was asked or since, stands in the conversation: a release without that tool is not taken. */
export function stayForTools({ input, state, environment }: Run, { calls }: ToolTurn): void {
  const { to, ...move } = state.kept.move ?? {};
  const has = ({ tools }: RunPlan, name: string): boolean => Object.hasOwn(tools, name);
  const lacking = to && calls.find(({ name }) => has(input.plan, name) && !has(to.plan, name));
  if (!lacking || !environment.staysForTools()) return;
  state.kept.move = move;
  const label = `stays with release ${shown(input.release)}: ${shown(to.release)} has no tool ${lacking.name}, which it has called`;
  note(state, { kind: 'note', label }, environment.now());
}

/** Whether the turn that would begin now is the first of the other release. One that has begun and waits to be asked again is not. */
export const takesRelease = ({ kept }: RunState): boolean => kept.move?.to !== undefined && kept.asking === undefined;

/** What the next execution begins with. The calls of a turn that is left in its middle are of the release that asked for them. */
export function goesOnAs(input: AgentRunInput, carried: CarriedState): AgentRunInput {
  const { move, ...kept } = carried;
  if (!move?.to || carried.calling || carried.asking) return { ...input, carried };
  const { release, plan } = move.to;
  // Moved twice before the record was written: what it says is what counts as the one before.
  const held = {
    ...plan,
    limits: leastOf(input.plan.limits, plan.limits),
    ...(input.plan.inspect ? { inspect: true as const } : {}),
  };
  return { ...input, release, plan: held, carried: { ...kept, move: { from: move.from ?? input.release } } };
}

/** What its caller holds it to is known by the plan alone that it was started with: a run is never let to more. */
const leastOf = (own: RunLimits, others: RunLimits): RunLimits =>
  LIMIT_NAMES.reduce<RunLimits>((least, name) => {
    const most = own[name];
    return most === undefined ? least : { ...least, [name]: Math.min(most, least[name] ?? Infinity) };
  }, others);

/** First of all: whoever lists the runs of the release that was left must not find this one. */
export async function recordTaken(run: Run, from: string): Promise<void> {
  const { state, environment, input } = run;
  const done = await step(
    run,
    { kind: 'note', label: `goes on with release ${shown(input.release)}` },
    () => environment.takeRelease({ ...callContext(run, 0), from }),
    () => ({}),
  );
  if ('failure' in done) throw new Error(`takeRelease failed with ${done.failure.type}: ${done.failure.message}`);
  const { from: _, ...move } = state.kept.move ?? {};
  if (move.to) state.kept.move = move;
  else delete state.kept.move;
}
