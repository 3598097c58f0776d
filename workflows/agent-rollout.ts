// The workflow of a staged rollout, one of an agent at a time. What it decides is in rollout/, and what a look comes to in its activity; it owns
// nothing: new runs take what the traffic says, which it asks to be changed, and which anybody may change past it.
import {
  ActivityFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  patched,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { rolloutActivities } from './activity-proxies';
import { QUERY_NAMES, SIGNAL_NAMES } from './contract/names';
import type {
  LookResult,
  RolloutEnd,
  RolloutInput,
  RolloutSaid,
  RolloutState,
  RolloutView,
  ShareResult,
} from './contract/rollout';
import { meaningOf } from './failure-meaning';
import { windowEnd } from './rollout/look-pace';
import {
  drop,
  hear,
  keptOf,
  lateAbort,
  newRollout,
  nextAct,
  ownName,
  takeBlindness,
  takeEnd,
  takeLateAbort,
  takeLook,
  takeShare,
  viewOf,
} from './rollout/rollout-state';

export const pauseRolloutSignal = defineSignal<[RolloutSaid?]>(SIGNAL_NAMES.pauseRollout);
export const resumeRolloutSignal = defineSignal<[RolloutSaid?]>(SIGNAL_NAMES.resumeRollout);
export const promoteRolloutSignal = defineSignal<[RolloutSaid?]>(SIGNAL_NAMES.promoteRollout);
export const abortRolloutSignal = defineSignal<[RolloutSaid?]>(SIGNAL_NAMES.abortRollout);
export const rolloutQuery = defineQuery<RolloutView>(QUERY_NAMES.rollout);

/** A store that has lost a key is given it by a person. */
const KEEP_AGAIN_MS = 60_000;

interface Rollout {
  input: RolloutInput;
  state: RolloutState;
  /** Its end is being written: what comes now is late. */
  isEnding: boolean;
}

/** @returns what became of it. Cancelled by plain Temporal it takes its candidate back first. */
export async function agentRollout(input: RolloutInput): Promise<RolloutEnd> {
  const rollout: Rollout = { input, state: input.carried ?? newRollout(input, Date.now()), isEnding: false };
  bindHandlers(rollout);
  CancellationScope.current().cancelRequested.catch(() =>
    hear(rollout.state, 'abort', { by: 'Temporal', why: 'its workflow was cancelled' }, Date.now(), rollout.isEnding),
  );
  return await CancellationScope.nonCancellable(() => live(rollout));
}

async function live(rollout: Rollout): Promise<RolloutEnd> {
  const { input, state } = rollout;
  for (;;) {
    const act = nextAct(state, Date.now());
    if (act.do === 'done' && state.ended) return state.ended;
    // Nothing is under way between two acts; signals that come now are the next execution's.
    if (workflowInfo().continueAsNewSuggested && act.do === 'rest')
      return await continueAsNew<typeof agentRollout>({ ...input, carried: state });
    if (act.do === 'share') await share(rollout, act.step);
    if (act.do === 'end') await end(rollout);
    if (act.do === 'drop') drop(state, Date.now());
    if (act.do === 'keep') await keep(rollout);
    if (act.do === 'look') await look(rollout);
    if (act.do === 'rest') await rest(state, act.untilMs);
  }
}

async function share({ input, state }: Rollout, step: number): Promise<void> {
  const { agent, id, release, sticky, by, why, policy } = input;
  // The first step is a person's doing; those behind it follow from what was seen.
  const about =
    step === 0
      ? { by, ...(why === undefined ? {} : { why }) }
      : { by: ownName(input), why: state.last?.headline ?? '' };
  const wanted = { agent, id, release, sticky, share: policy.steps[step]?.share ?? 1, epoch: state.epoch, ...about };
  takeShare(state, input, await unlessFailed(rolloutActivities.setRolloutShare(wanted)), Date.now());
}

/** What no further attempt would do is undone, and said: a rollout that failed would leave its candidate to new runs, and nobody would look. */
async function unlessFailed(asked: Promise<ShareResult>): Promise<ShareResult> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    return { kind: 'refused', why: whyOf(error) };
  }
}

function whyOf(error: ActivityFailure): string {
  const meaning = meaningOf(error);
  return typeof meaning === 'object' ? meaning.message : error.message;
}

async function look({ input, state }: Rollout): Promise<void> {
  const { agent, id } = input;
  const isOver = Date.now() >= windowEnd(state, input);
  const asked = { agent, id, number: state.looks + 1, isOver, findingsFrom: state.findingsFrom };
  let result: LookResult;
  try {
    result = await rolloutActivities.judgeRollout(asked);
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    return takeBlindness(state, input, whyOf(error), Date.now());
  }
  takeLook(state, input, result, Date.now());
}

/** From here on exactly this is what becomes of it, unless somebody has changed the traffic; or it is refused, and an abort came meanwhile. */
async function end(rollout: Rollout): Promise<void> {
  const { input, state } = rollout;
  if (!state.ending) return;
  const { as, by, why } = state.ending;
  const since = Date.now();
  rollout.isEnding = true;
  const ended = await unlessFailed(rolloutActivities.endRollout({ agent: input.agent, id: input.id, as, by, why }));
  takeEnd(state, input, ended, Date.now());
  rollout.isEnding = false;
  const abort = state.ended ? undefined : lateAbort(state, since);
  if (abort && patched('abort-after-refusal')) takeLateAbort(state, abort);
}

async function keep({ input, state }: Rollout): Promise<void> {
  const kept = keptOf(input, state, Date.now());
  try {
    await rolloutActivities.keepRollout(kept);
    state.kept = kept.changes;
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    await sleep(KEEP_AGAIN_MS);
  }
}

async function rest(state: RolloutState, untilMs: number): Promise<void> {
  const before = state.changes;
  await condition(() => state.changes !== before, Math.max(1, untilMs - Date.now()));
}

function bindHandlers(rollout: Rollout): void {
  const bound = [
    [
      pauseRolloutSignal,
      'pause',
      'Begin no step and promote nothing until it is resumed; what is worse is withdrawn all the same.',
    ],
    [resumeRolloutSignal, 'resume', 'Go on, whoever or whatever paused it.'],
    [
      promoteRolloutSignal,
      'promote',
      'The candidate takes over now, whatever is known of it: {"by": "...", "why": "..."}.',
    ],
    [abortRolloutSignal, 'abort', 'The candidate is taken back now: {"by": "...", "why": "..."}.'],
  ] as const;
  for (const [signal, act, description] of bound)
    setHandler(signal, (said?: RolloutSaid) => hear(rollout.state, act, said, Date.now(), rollout.isEnding), {
      description,
    });
  setHandler(rolloutQuery, () => viewOf(rollout.input, rollout.state, Date.now()), {
    description: 'Its step and share, its last look in words, who paused it and why.',
  });
}
