// The model's half of a turn: ask, wait where the provider says so, take the answer.
import type { CallContext, CallKey, ContextFull, ModelAnswer, ModelWait } from '../contract/activities';
import { COMPACTION_INDEX } from '../contract/context';
import type { CarriedState, NearLimit, RunLimits } from '../contract/run';
import type { Run } from './environment';
import { LIMIT_OF, limitNotice, type LimitNotice } from './limit-notices';
import { exhaustedCalls, limitsOf, moneyLeft } from './limits';
import { RunEnd, leavesWhileAway, sleepUntil, step } from './persist';
import { hearSteered, note, takeAnswer, takeCompaction, takeUnanswered, takeWarned } from './run-state';

export function callContext(run: Run, index: number): CallContext {
  const { agent, release, tenant, user, session, priority } = run.input;
  return {
    key: callKey(run, index),
    agent,
    release,
    tenant,
    ...(user === undefined ? {} : { user }),
    ...(session === undefined ? {} : { session }),
    ...(priority === undefined ? {} : { priority }),
  };
}

function callKey(run: Run, index: number): CallKey {
  return { run: run.firstRunId, fork: 0, turn: run.state.kept.turn, index };
}

/**
 * One turn's answer, in this execution or, after a wait in a long history, in the next one.
 * @throws RunEnd when the model call has failed for good
 */
export async function askModel(run: Run): Promise<ModelAnswer | 'continue-as-new'> {
  const { state, environment } = run;
  const { kept } = state;
  let isCompacted = kept.asking?.compacted ?? false;
  let waitingSince = kept.asking?.waitingSince;
  if (kept.asking) delete kept.asking;
  else {
    kept.turn += 1;
    hearSteered(state);
  }
  for (;;) {
    const notice = noticeFor(run);
    const limits = limitsOf(run);
    requireLeft(run);
    const input = {
      ...callContext(run, 0),
      ...conversationOf(run),
      ...(notice ? { notice: notice.text } : {}),
      ...spendOf(run),
      ...(isCompacted ? { compacted: true as const } : {}),
      ...(waitingSince === undefined ? {} : { waitingSince }),
    };
    const done = await step(
      run,
      { kind: 'model', label: `model, turn ${kept.turn}` },
      () => environment.callModel(input, `turn ${kept.turn}: model`),
      (result) => {
        if (result.kind !== 'answer') return { preview: result.reason, unanswered: true };
        const preview = previewOf(result);
        return preview === undefined ? {} : { preview };
      },
      { leaves: () => leavesWhileAway(run) },
    );
    if ('left' in done) return leave(kept, isCompacted, waitingSince);
    if ('failure' in done) throw new RunEnd({ outcome: 'failed', failure: done.failure });
    const { result } = done;
    if (result.kind === 'answer') {
      notePruned(run, result);
      noteTold(
        run,
        result,
        notice?.about.filter((about) => isStill(run, limits, LIMIT_OF[about])),
      );
      takeAnswer(state, result);
      return result;
    }
    takeUnanswered(state, result);
    if (result.kind === 'wait') {
      waitingSince ??= environment.now();
      await patience(run, result);
    } else {
      const compacted = await compact(run, result, notice);
      if (compacted === 'left') return leave(kept, false);
      isCompacted = compacted === 'compacted';
    }
    if (environment.shouldContinueWhileWaiting()) return leave(kept, isCompacted, waitingSince);
  }
}

/** @throws RunEnd when nothing is left of its model calls or its money */
function requireLeft(run: Run): void {
  const exhausted = exhaustedCalls(run.state.kept, limitsOf(run));
  if (exhausted) throw new RunEnd({ outcome: 'failed', failure: exhausted });
}

function spendOf(run: Run): { nanoUsdLeft?: number } {
  const nanoUsdLeft = moneyLeft(run.state.kept, limitsOf(run));
  return nanoUsdLeft === undefined ? {} : { nanoUsdLeft };
}

function previewOf({ messages, cached }: ModelAnswer): string | undefined {
  const preview = messages[0]?.preview;
  return cached && preview !== undefined ? `${CACHED} ${preview}` : preview;
}

/** Before what a person reads of an answer that the model was not asked for. */
const CACHED = '(cached)';

function leave(kept: CarriedState, compacted: boolean, waitingSince?: number): 'continue-as-new' {
  kept.asking = { compacted, ...(waitingSince === undefined ? {} : { waitingSince }) };
  return 'continue-as-new';
}

/**
 * A summary takes the place of a range of the conversation.
 * @returns waited: the provider asked for patience, and the turn begins anew; left: it begins anew in the next execution
 * @throws RunEnd when it cannot be made
 */
async function compact(
  run: Run,
  { refused }: ContextFull,
  notice: LimitNotice | undefined,
): Promise<'compacted' | 'waited' | 'left'> {
  const { state, environment } = run;
  const label = `sums up earlier messages, turn ${state.kept.turn}`;
  const input = {
    ...callContext(run, COMPACTION_INDEX),
    ...conversationOf(run),
    ...(refused ? { refused } : {}),
    ...(notice ? { notice: notice.text } : {}),
    ...spendOf(run),
  };
  requireLeft(run);
  const done = await step(
    run,
    { kind: 'model', label },
    () => environment.compactContext(input, label),
    (result) =>
      result.kind === 'wait' ? { preview: result.reason, unanswered: true } : { preview: result.message.preview },
    { leaves: () => leavesWhileAway(run) },
  );
  if ('left' in done) return 'left';
  if ('failure' in done) throw new RunEnd({ outcome: 'failed', failure: done.failure });
  if (done.result.kind === 'wait') {
    takeUnanswered(state, done.result);
    await patience(run, done.result);
    return 'waited';
  }
  takeCompaction(state, done.result);
  return 'compacted';
}

const conversationOf = ({ state: { kept } }: Run): { base: string | null; append: string[] } => ({
  base: kept.head,
  append: kept.append.map((message) => message.hash),
});

/** The same key is used again after it. */
async function patience(run: Run, asked: ModelWait): Promise<void> {
  const { state, environment } = run;
  note(state, { kind: 'wait', label: `waiting: ${asked.reason}` }, environment.now());
  await sleepUntil(run, asked);
}

function noticeFor(run: Run): LimitNotice | undefined {
  const { state, environment, input } = run;
  const hasTools = Object.keys(input.plan.tools).length > 0;
  return limitNotice(state.kept, limitsOf(run), { now: environment.now(), hasTools });
}

/** A person may have extended it while the model was asked: then what it was told does not hold any more. */
const isStill = (run: Run, limits: RunLimits, name: keyof RunLimits | undefined): boolean =>
  name === undefined || limitsOf(run)[name] === limits[name];

/** A worker of before notices tells the model nothing, and answers without them: then it is told in the next turn. */
function noteTold({ state, environment }: Run, { notices = [] }: ModelAnswer, about: readonly NearLimit[] = []): void {
  if (about.length > 0 && notices.length > 0) takeWarned(state, about);
  for (const { preview } of notices) note(state, { kind: 'note', label: 'told the model', preview }, environment.now());
}

function notePruned({ state, environment }: Run, { pruned }: ModelAnswer): void {
  if (!pruned) return;
  const results = pruned.results === 1 ? '1 tool result' : `${pruned.results} tool results`;
  note(state, { kind: 'note', label: `left out ${results} (${pruned.tokens} tokens)` }, environment.now());
}
