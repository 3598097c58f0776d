// The state of a run and its named changes. Plain data and pure functions: no Temporal, no clock, no I/O.
import { addCosts, addUsage, type Cost, type SpentDetails } from '../contract/cost';
import type { MessageHead, Usage } from '../contract/message';
import { LIMIT_NAMES, MESSAGES_SHOWN, STEPS_SHOWN } from '../contract/limits';
import type { CompactedContext, ModelAnswer } from '../contract/activities';
import type {
  AgentRunInput,
  AgentRunResult,
  CarriedState,
  ExtendRequest,
  NearLimit,
  RunStatus,
  RunTotals,
  Step,
  TenantLeft,
} from '../contract/run';
import type { ToolTurn } from '../contract/tool-call';

import { LIMIT_OF, tenantNotice } from './limit-notices';

export interface RunState {
  /** What continue-as-new carries. */
  kept: CarriedState;
  /** Why the run waits for something other than an activity, in words: one for each call that does, the newest last. */
  waiting: readonly string[];
  /** Set when someone asked for the end of the run. */
  cancel?: { reason: string };
  /** Set while the end is recorded, which no limit cuts short. */
  ending?: true;
  result?: AgentRunResult;
}

const NO_USAGE: Usage = { input: 0, cachedInput: 0, output: 0, reasoning: 0 };
const NO_TOTALS: RunTotals = { turns: 0, modelCalls: 0, toolCalls: 0, reusedCalls: 0, usage: NO_USAGE };

export function initialState(input: AgentRunInput, now: number): RunState {
  if (input.carried) return { waiting: [], kept: input.carried };
  return {
    waiting: [],
    kept: {
      schemaVersion: 1,
      startedAt: now,
      turn: 0,
      head: null,
      length: 0,
      append: [input.input],
      badAnswersInARow: 0,
      totals: NO_TOTALS,
      steps: [],
      lastSeq: 0,
      messages: [{ ...input.input, position: 0 }],
    },
  };
}

export function statusOf(state: RunState): RunStatus {
  if (state.result) return 'ended';
  if (state.cancel) return 'cancelling';
  if (state.kept.paused) return 'paused';
  if (state.kept.requests?.open.some(({ decision }) => !decision)) return 'asking';
  return state.waiting.length === 0 ? 'running' : 'waiting';
}

/** Why a run that has not ended is not running, in words. */
export const reasonOf = (state: RunState): string | undefined =>
  state.result ? undefined : (state.cancel?.reason ?? state.kept.paused?.reason ?? state.waiting.at(-1));

export const beginWait = (state: RunState, reason: string): void => {
  state.waiting = [...state.waiting, reason];
};
export const endWait = (state: RunState, reason: string): void => {
  const at = state.waiting.indexOf(reason);
  state.waiting = state.waiting.filter((_, nth) => nth !== at);
};

export const pause = (state: RunState, reason: string): void => {
  state.kept.paused = { reason };
};
export const resume = (state: RunState): void => {
  delete state.kept.paused;
};

export const steer = ({ kept }: RunState, message: MessageHead): void => {
  kept.steered = [...(kept.steered ?? []), message];
};

/** At the beginning of a turn, or at the end: what was said stands behind all that has happened. */
export function hearSteered({ kept }: RunState): void {
  const { steered = [] } = kept;
  if (steered.length === 0) return;
  show(kept, steered, kept.length + kept.append.length);
  kept.append = [...kept.append, ...steered];
  delete kept.steered;
}

/** What the model was told of a limit does not hold any more once there is more of it. */
export function extend({ kept }: RunState, added: ExtendRequest): void {
  const extended = { ...kept.extended };
  for (const name of LIMIT_NAMES) {
    const more = added[name];
    if (more === undefined) continue;
    extended[name] = (extended[name] ?? 0) + more;
    kept.warned = kept.warned?.filter((about) => LIMIT_OF[about] !== name) ?? [];
  }
  kept.extended = extended;
}
export function beginStep(state: RunState, step: Pick<Step, 'kind' | 'label'>, now: number): number {
  const { kept } = state;
  kept.lastSeq += 1;
  kept.steps = [...kept.steps, { ...step, seq: kept.lastSeq, state: 'running' as const, startedAt: now }].slice(
    -STEPS_SHOWN,
  );
  return kept.lastSeq;
}

export function endStep(
  state: RunState,
  seq: number,
  end: Pick<Step, 'state' | 'preview' | 'unanswered'>,
  now: number,
): void {
  state.kept.steps = state.kept.steps.map((step) => (step.seq === seq ? { ...step, ...end, endedAt: now } : step));
}

/** Something that happened at once. */
export function note(state: RunState, step: Pick<Step, 'kind' | 'label' | 'preview'>, now: number): void {
  endStep(
    state,
    beginStep(state, step, now),
    { state: 'done', ...(step.preview === undefined ? {} : { preview: step.preview }) },
    now,
  );
}

/** The tool calls that this execution goes on with, once. */
export function takeCalling({ kept }: RunState): ToolTurn | undefined {
  const { calling } = kept;
  delete kept.calling;
  return calling;
}

export function takeAnswer(state: RunState, answer: ModelAnswer): void {
  const { kept } = state;
  const linked = kept.length + kept.append.length;
  const messages = [...(answer.notices ?? []), ...answer.messages];
  show(kept, messages, linked);
  kept.head = answer.head;
  kept.length = linked + messages.length;
  kept.append = [];
  // A next one that nobody has been asked before takes what this one took.
  const { input, output } = answer.saved ?? answer.usage;
  const nanoUsd = answer.saved ? kept.lastTurn?.nanoUsd : answer.cost?.nanoUsd;
  kept.lastTurn = {
    tokens: input + output,
    toolCalls: answer.toolCalls.length,
    ...(nanoUsd === undefined ? {} : { nanoUsd }),
  };
  if (answer.tenantLeft) takeTenantLeft(kept, answer.tenantLeft);
  kept.badAnswersInARow = answer.problem ? kept.badAnswersInARow + 1 : kept.badAnswersInARow;
  kept.totals = {
    ...kept.totals,
    turns: kept.turn,
    modelCalls: kept.totals.modelCalls + 1,
    reusedCalls: kept.totals.reusedCalls + (answer.reused ? 1 : 0),
    ...withUsage(kept.totals, answer.usage),
    ...(answer.cached ? savedBy(kept.totals, { ...answer, cachedCalls: 1 }) : {}),
    ...costOf(kept.totals.cost, answer.cost),
  };
  takeUnanswered(state, answer);
}

type Saved = Pick<RunTotals, 'cachedCalls' | 'saved' | 'savedCost'>;

function savedBy({ cachedCalls = 0, saved = NO_USAGE, savedCost }: Saved, more: Saved): Saved {
  const cost = addCosts(savedCost, more.savedCost);
  return {
    cachedCalls: cachedCalls + (more.cachedCalls ?? 0),
    saved: addUsage(saved, more.saved ?? NO_USAGE),
    ...(cost ? { savedCost: cost } : {}),
  };
}

/** Of a day that has room again the model can be told once more. */
function takeTenantLeft(kept: CarriedState, left: TenantLeft[]): void {
  kept.tenantLeft = left;
  if (kept.warned && !tenantNotice(kept)) kept.warned = kept.warned.filter((about) => LIMIT_OF[about] !== undefined);
}

/** What the model has answered to is not told again. */
export function takeWarned({ kept }: RunState, about: readonly NearLimit[]): void {
  kept.warned = [...new Set([...(kept.warned ?? []), ...about])];
}

export function takeCompaction(state: RunState, compacted: CompactedContext): void {
  const { kept } = state;
  kept.head = compacted.head;
  // Positions are those of the original messages: a summary moves none of them.
  kept.length += kept.append.length;
  kept.append = [];
  kept.totals = {
    ...kept.totals,
    modelCalls: kept.totals.modelCalls + 1,
    reusedCalls: kept.totals.reusedCalls + (compacted.reused ? 1 : 0),
    ...withUsage(kept.totals, compacted.usage),
    ...costOf(kept.totals.cost, compacted.cost),
  };
  takeUnanswered(state, compacted);
}

/** Of a model call that was stopped or has failed: paid for like any, though nothing of it is in the conversation. */
export function takeSpent(state: RunState, spent: SpentDetails): void {
  const { kept } = state;
  kept.totals = { ...kept.totals, modelCalls: kept.totals.modelCalls + 1 };
  takeUnanswered(state, { unanswered: spent });
}

/** Of requests before an answer, or before what the workflow was told instead: none of them is a call of its own. */
export function takeUnanswered({ kept }: RunState, { unanswered }: { unanswered?: SpentDetails }): void {
  if (!unanswered) return;
  kept.totals = {
    ...kept.totals,
    ...withUsage(kept.totals, unanswered.spent),
    ...costOf(kept.totals.cost, unanswered.cost),
    estimated: true,
  };
}

export interface ToolResults {
  messages: MessageHead[];
  reused: number;
  /** Calls that never reached a tool: unknown names, arguments that do not fit. */
  invalid: number;
}

export function takeToolResults(state: RunState, turn: ToolResults): void {
  const { kept } = state;
  show(kept, turn.messages, kept.length + kept.append.length);
  kept.append = [...kept.append, ...turn.messages];
  // One good call shows that the model can do it; only turns without any bring the run nearer to its end.
  kept.badAnswersInARow = turn.invalid === turn.messages.length ? kept.badAnswersInARow + 1 : 0;
  kept.totals = {
    ...kept.totals,
    toolCalls: kept.totals.toolCalls + turn.messages.length,
    reusedCalls: kept.totals.reusedCalls + turn.reused,
  };
}

/** What a sub-agent's run has used was used by this one. Its turns are its own. */
export function takeSubRunTotals(
  { kept }: RunState,
  { modelCalls, toolCalls, reusedCalls, usage, cost, estimated, ...cached }: RunTotals,
): void {
  kept.totals = {
    ...kept.totals,
    modelCalls: kept.totals.modelCalls + modelCalls,
    toolCalls: kept.totals.toolCalls + toolCalls,
    reusedCalls: kept.totals.reusedCalls + reusedCalls,
    ...withUsage(kept.totals, usage),
    ...costOf(kept.totals.cost, cost),
    ...(cost ? { subAgentsCost: addCosts(kept.totals.subAgentsCost, cost) ?? cost } : {}),
    ...(estimated ? { estimated } : {}),
    ...(cached.cachedCalls === undefined ? {} : savedBy(kept.totals, cached)),
  };
}

function show(kept: CarriedState, messages: readonly MessageHead[], from: number): void {
  const placed = messages.map((message, at) => ({ ...message, position: from + at }));
  kept.messages = [...kept.messages, ...placed].slice(-MESSAGES_SHOWN);
}

type Used = Pick<RunTotals, 'usage' | 'estimated'>;

/** Whether something of it is estimated, the totals say as a whole. */
function withUsage(before: Used, used: Usage): Used {
  const { estimated, ...usage } = addUsage(before.usage, used);
  return { usage, ...(estimated || before.estimated ? { estimated: true } : {}) };
}

function costOf(before: Cost | undefined, added: Cost | undefined): { cost?: Cost } {
  const cost = addCosts(before, added);
  return cost ? { cost } : {};
}
