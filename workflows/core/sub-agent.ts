// A call of a sub-agent: a run of its own, with a part of this one's budget. This one waits for it, and holds no worker meanwhile.
//
// Its end can be awaited by the execution alone that has started it, so a history is not left while one is under way.
import type { BeginSubRunInput, SubRun, TakeSubRunInput, TakeSubRunResult } from '../contract/activities';
import type { RunFailure } from '../contract/failures';
import type { AgentRunInput, RunLimits, RunTotals, SubAgentPin, ToolPlan } from '../contract/run';
import type { CallToolResult, ToolTurn } from '../contract/tool-call';
import { awayDelayMs } from './backoff';
import type { Run, SubAgentEnd } from './environment';
import { exhaustedCalls, exhaustedWall, limitsOf, wallLeftMs } from './limits';
import { callContext } from './model-turn';
import { RunEnd, cancelled, sleepUntil, step } from './persist';
import { takeSubRunTotals } from './run-state';
import type { Decided, Together } from './tool-attempts';

/** Of calls that run together: what is left of the budget is parted between them. */
type Reserved = { [limit in 'tokens' | 'toolCalls' | 'modelCalls' | 'nanoUsd']: number };

export interface SubAgentsTogether {
  /** Calls whose run has not begun. */
  toBegin: Set<number>;
  /** What those under way may use. */
  reserved: Reserved;
}

export const noSubAgents = (toBegin: readonly number[]): SubAgentsTogether => ({
  toBegin: new Set(toBegin),
  reserved: { tokens: 0, toolCalls: 0, modelCalls: 0, nanoUsd: 0 },
});

interface Tried {
  plan: ToolPlan;
  together: Together;
  decided: Decided;
}

/** How far the call has come: made again after a pause, it goes on from there. */
interface Progress {
  begun?: SubRun;
  end?: SubAgentEnd;
  isCounted?: true;
}

type Answer = { kind: 'result'; result: CallToolResult } | { kind: 'failed'; failure: RunFailure };

/** @throws RunEnd when the run is cancelled, or nothing is left of its budget */
export async function callAgent(
  run: Run,
  turn: ToolTurn,
  call: number,
  { together, decided, plan }: Tried,
): Promise<CallToolResult | RunFailure> {
  const { name = '', preview = '' } = turn.calls[call] ?? {};
  const progress: Progress = {};
  const asked = askedOf(run, turn, call, decided);
  const done = await step<Answer>(
    run,
    { kind: 'tool', label: `${name} ${preview}`.trimEnd() },
    () => underWay(together, () => untilAnswered(run, turn, call, { asked, pin: plan.agent, progress, together })),
    (answer) =>
      answer.kind === 'failed'
        ? { preview: answer.failure.message, failed: true }
        : { preview: answer.result.message.preview, failed: answer.result.failure !== undefined },
  ).catch(async (error: unknown) => {
    if (error instanceof RunEnd) await leaveToItself(run, asked, progress);
    throw error;
  });
  if ('failure' in done) return done.failure;
  return done.result.kind === 'failed' ? done.result.failure : done.result.result;
}

type AskedCall = Omit<BeginSubRunInput, 'tags' | 'root'>;

function askedOf(run: Run, { message, calls }: ToolTurn, call: number, { approval }: Decided): AskedCall {
  const name = calls[call]?.name ?? '';
  return { ...callContext(run, call + 1), name, message, call, ...(approval ? { approval } : {}) };
}

interface ToAnswer {
  asked: AskedCall;
  pin: SubAgentPin | undefined;
  progress: Progress;
  together: Together;
}

async function untilAnswered(
  run: Run,
  turn: ToolTurn,
  call: number,
  { asked, pin, progress, together }: ToAnswer,
): Promise<Answer> {
  const { environment, input } = run;
  if (!progress.begun) {
    requireLeft(run);
    const root = input.parent?.root;
    // To its end: what it has begun has an id, by which a run that ends now says so.
    const begun = await environment.uninterrupted(() =>
      environment.beginSubRun({ ...asked, tags: input.tags, ...(root === undefined ? {} : { root }) }),
    );
    if (begun.kind === 'answered') {
      for (const totals of begun.used ?? []) takeSubRunTotals(run.state, totals);
      return { kind: 'result', result: begun.result };
    }
    progress.begun = begun;
  }
  const { begun } = progress;
  if (!begun.ended && !progress.end) {
    progress.end = await untilEnded(run, turn, call, { begun, pin, together });
    if (progress.end.kind === 'ended') count(run, progress, progress.end.result.totals);
  }
  // It was told so as well; what it has used is counted all the same.
  if (environment.isCancelled()) {
    if (isToCount(progress)) await take(run, progress, asked);
    throw cancelled(run);
  }
  for (let round = 1; ; round += 1) {
    const taken = await take(run, progress, asked);
    if (taken.kind === 'open') {
      const reason = `${asked.name}, which an execution of before has begun as ${begun.id}`;
      await sleepUntil(run, { waitUntil: environment.now() + awayDelayMs(round), reason });
      continue;
    }
    return taken;
  }
}

const NEVER_STARTED: RunFailure = { type: 'Run.Cancelled', message: 'it was never started.' };

/** The run ends. One that it cannot wait for works for nobody any more; one that was never started cannot record its own end. */
async function leaveToItself(run: Run, asked: AskedCall, progress: Progress): Promise<void> {
  const { environment } = run;
  const { begun, end } = progress;
  if (!begun || begun.ended || (end && end.kind !== 'elsewhere')) return;
  await environment.uninterrupted(async () => {
    if (await environment.cancelSubAgent(begun.id)) return;
    // What keeps it from being recorded, or counted where it is over by now, does not keep the run from its end.
    await take(run, progress, asked, end ? undefined : { failure: NEVER_STARTED }).catch((error: unknown) => {
      if (environment.meaningOf(error) === undefined) throw error;
    });
  });
}

async function take(
  run: Run,
  progress: Progress,
  asked: AskedCall,
  end = lostOf(progress.end),
): Promise<TakeSubRunResult> {
  const { environment } = run;
  const work = (): Promise<TakeSubRunResult> =>
    environment.takeSubRun({ ...asked, run: progress.begun?.id ?? '', ...(end ? { end } : {}) });
  const taken = await (isToCount(progress) ? environment.uninterrupted(work) : work());
  if (taken.kind !== 'open') count(run, progress, taken.totals);
  return taken;
}

/** It is over, and its record alone says what it has used: a cancel does not keep that from being read. */
const isToCount = ({ begun, end, isCounted }: Progress): boolean =>
  !isCounted && (begun?.ended === true || end?.kind === 'lost');

const lostOf = (end: SubAgentEnd | undefined): TakeSubRunInput['end'] =>
  end?.kind === 'lost' ? { firstRunId: end.firstRunId, failure: end.failure } : undefined;

/** While it goes on, what it may use is nobody else's. */
async function untilEnded(
  run: Run,
  turn: ToolTurn,
  call: number,
  { begun, pin, together }: { begun: SubRun; pin: SubAgentPin | undefined; together: Together },
): Promise<SubAgentEnd> {
  const limits = limitsLeft(run, turn, { own: begun.plan.limits, given: pin?.limits ?? {}, together });
  const { reserved, toBegin } = together.agents;
  toBegin.delete(call);
  reserve(reserved, limits, 1);
  try {
    return await run.environment.runSubAgent(
      { id: begun.id, question: begun.question, input: inputOf(run, begun, limits) },
      `turn ${run.state.kept.turn}: ${begun.agent}`,
    );
  } finally {
    reserve(reserved, limits, -1);
  }
}

function reserve(reserved: Reserved, limits: RunLimits, sign: 1 | -1): void {
  for (const name of ['tokens', 'toolCalls', 'modelCalls', 'nanoUsd'] as const)
    reserved[name] += sign * (limits[name] ?? 0);
}

/**
 * The smallest of what the agent's release says, what the call gives it, and its part of what this run has left. Turns are each run's own.
 * @throws RunEnd when nothing is left
 */
export function limitsLeft(
  run: Run,
  turn: Pick<ToolTurn, 'calls'>,
  { own, given, together }: { own: RunLimits; given: Partial<RunLimits>; together: Pick<Together, 'agents'> },
): RunLimits {
  const limits = limitsOf(run);
  const { state, environment } = run;
  const { kept } = state;
  const { toBegin, reserved } = together.agents;
  const share = (left: number): number => Math.max(0, Math.floor(left / Math.max(1, toBegin.size)));
  const now = environment.now();
  requireLeft(run);
  // The calls of this turn are counted when all of them are done.
  const callsLeft = limits.toolCalls - kept.totals.toolCalls - turn.calls.length - reserved.toolCalls;
  // One at the least: with none it could not even say that it has none.
  const partOf = (name: 'tokens' | 'modelCalls' | 'nanoUsd', used: number): number | undefined => {
    const limit = limits[name];
    const left = limit === undefined ? undefined : Math.max(1, share(limit - used - reserved[name]));
    return least(own[name], given[name], left);
  };
  const tokens = partOf('tokens', usedTokens(kept.totals));
  const modelCalls = partOf('modelCalls', kept.totals.modelCalls);
  const nanoUsd = partOf('nanoUsd', kept.totals.cost?.nanoUsd ?? 0);
  const wallLeft = wallLeftMs(kept, limits, now);
  const wallMs = least(own.wallMs, given.wallMs, wallLeft === Infinity ? undefined : wallLeft);
  return {
    turns: Math.min(own.turns, given.turns ?? Infinity),
    toolCalls: Math.min(own.toolCalls, given.toolCalls ?? Infinity, share(callsLeft)),
    ...(tokens === undefined ? {} : { tokens }),
    ...(modelCalls === undefined ? {} : { modelCalls }),
    ...(nanoUsd === undefined ? {} : { nanoUsd }),
    ...(wallMs === undefined ? {} : { wallMs }),
  };
}

/** @throws RunEnd when the run is cancelled, or nothing is left of its time, tokens, model calls or money */
function requireLeft(run: Run): void {
  const { state, environment } = run;
  if (environment.isCancelled()) throw cancelled(run);
  const limits = limitsOf(run);
  const exhausted =
    exhaustedWall(state.kept, limits, environment.now()) ??
    exhaustedTokens(state.kept.totals, limits) ??
    exhaustedCalls(state.kept, limits);
  if (exhausted) throw new RunEnd({ outcome: 'failed', failure: exhausted });
}

const least = (...given: (number | undefined)[]): number | undefined => {
  const known = given.filter((one) => one !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
};

const usedTokens = ({ usage }: RunTotals): number => usage.input + usage.output;

function exhaustedTokens(totals: RunTotals, { tokens }: RunLimits): RunFailure | undefined {
  const used = usedTokens(totals);
  if (tokens === undefined || used < tokens) return undefined;
  return { type: 'Budget.TokensExhausted', message: `${tokens} tokens were allowed, ${used} used.` };
}

function inputOf({ input }: Run, begun: SubRun, limits: RunLimits): AgentRunInput {
  const { tenant, user, session, tags, plan, priority, watchedBy } = input;
  return {
    ...(priority === undefined ? {} : { priority }),
    ...{ schemaVersion: 1, agent: begun.agent, release: begun.release, tenant },
    ...(user === undefined ? {} : { user }),
    ...(session === undefined ? {} : { session }),
    ...{ tags, input: begun.input, parent: begun.parent },
    ...(watchedBy === undefined ? {} : { watchedBy }),
    plan: { ...begun.plan, limits, ...(plan.inspect ? { inspect: true as const } : {}) },
  };
}

function count({ state }: Run, progress: Progress, totals: RunTotals): void {
  if (progress.isCounted) return;
  progress.isCounted = true;
  takeSubRunTotals(state, totals);
}

/** Nothing of it can be left to another execution meanwhile, not even between two of its steps. */
async function underWay<T>(together: Together, work: () => Promise<T>): Promise<T> {
  together.underWay += 1;
  try {
    return await work();
  } finally {
    together.underWay -= 1;
  }
}
