// One request to the model: the conversation as it is to be read, the provider's answer, or what stands in the way of it.
import type { CallModelInput, ContextFull, ModelWait } from '../workflows/contract/activities';
import type { ContextPlan } from '../workflows/contract/context';
import { describeOver, describeOversized, oversized, tokensOf } from './context/hold-window';
import type { Measured } from './context/measure';
import { planCompact } from './context/plan-compact';
import { releaseOf } from './counted';
import type { ActivityDeps, Attempt, LoadedAgent } from './deps';
import { addedTo, counterOf, loadConversation, prune, type EditedConversation } from './edited-conversation';
import { failure } from './failure';
import { shareQuestion, type AskedForAll, type SharedAnswer } from './gateway/cache/share-question';
import { withNotices } from './guards/with-notices';
import { ModelWaitError } from './model/model-wait-error';
import { mayFitShorter } from './gateway/quota/too-small';
import { sendTask } from './gateway/batch/send-task';
import type { Spending } from './gateway/money/spending';
import { callerOf, type Sent } from './gateway/send-request';
import { modelRequest } from './model-request';
import type { ModelCall } from './model/provider';
import { turnTiedTo } from './raw-items';
import { showAnswer } from './stream/shown-answer';
import { summableRange } from './summable-range';

export interface Asked extends Sent {
  asked: EditedConversation;
  /** Head of what was asked, with the nodes to write. */
  before: { head: string; objects: Uint8Array[] };
  /** Set where others wait for the answer: whoever has it ends the flight. */
  flight?: AskedForAll;
  /** Set where the model was not asked: another call had been. */
  given?: Pick<SharedAnswer, 'raw' | 'origin' | 'saved'>;
}

/**
 * @returns what to tell the workflow instead, where the model cannot be asked now
 * @throws ApplicationFailure `Loop.*`, `Model.*`, `Store.*`
 */
export async function askModel(
  deps: ActivityDeps,
  input: CallModelInput,
  attempt: Attempt,
  { loaded, spending }: { loaded: LoadedAgent; spending: Spending },
): Promise<Asked | { instead: ModelWait | ContextFull }> {
  const found = await loadConversation(deps, input, attempt);
  // One that has failed, waited or been compacted finds the same again.
  const isFirst = attempt.number === 1 && input.waitingSince === undefined && !input.compacted;
  const counted = isFirst ? releaseOf(input) : undefined;
  const stored = await withNotices(deps, found, {
    loaded,
    attempt,
    tenant: input.tenant,
    notice: input.notice,
    counted,
  });
  const { context } = loaded.manifest;
  const asked = context ? prune(stored, context, loaded, (bytes) => deps.store.nameOf(bytes)) : stored;
  const isCompacted = input.compacted ?? false;
  const full = context && asked.measured && isFull(asked.measured, context, loaded, isCompacted);
  if (full) return { instead: { kind: 'compact', reason: full } };
  const before = linked(deps, asked);
  const messages = asked.entries.map(({ message }) => message);
  attempt.saw?.({ asked: { instructions: loaded.manifest.instructions, messages } });
  const shared = await shareQuestion(deps, input, attempt, { loaded, messages, head: before.head });
  if (shared.kind === 'wait') return { instead: shared };
  if (shared.kind === 'answered') {
    const { raw, origin, saved, ...sent } = shared.answer;
    return { ...sent, asked, before, given: { raw, origin, saved } };
  }
  const { flight } = shared;
  await deps.failpoint('model.before');
  let streaming = false;
  const passing = { during: Promise.resolve() };
  const shown = showAnswer(deps.texts, {
    run: attempt.workflowId,
    turn: input.key.turn,
    attempt: attempt.number,
    scheduledAt: attempt.scheduledAt ?? deps.now(),
  });
  try {
    const call: ModelCall = {
      signal: attempt.signal,
      onDelta: ({ text }) => {
        if (text !== undefined) shown.text(text);
        if (streaming) return;
        streaming = true;
        passing.during = deps.failpoint('model.during');
      },
    };
    const sent = await sendTask(deps, {
      loaded,
      caller: callerOf(input, attempt),
      call,
      spending,
      requestTo: (provider, model) =>
        modelRequest(deps, input.key, { ...asked, manifest: loaded.manifest, provider, model }),
      tiedTo: () => turnTiedTo(deps, input, asked.entries.slice(0, asked.earlier)),
      task: { messages, attempt: attempt.number, user: input.user },
      asking: shown.begin,
      wasShown: shown.wasRead,
    });
    await passing.during;
    await deps.failpoint('model.answered');
    return { ...sent, asked, before, ...(flight ? { flight } : {}) };
  } catch (error) {
    // Who is stopped, or told to wait, has not failed.
    await flight?.giveUp(attempt.signal.aborted || error instanceof ModelWaitError ? 0 : 1);
    if (error instanceof ModelWaitError)
      return { instead: { kind: 'wait', waitUntil: error.waitUntil, reason: error.reason, ...spending.inVain() } };
    const shorter = context && !isCompacted ? whyShorter(error, asked, context, loaded) : undefined;
    if (shorter === undefined) throw error;
    return { instead: { kind: 'compact', reason: shorter, refused: true, ...spending.inVain() } };
  } finally {
    shown.end();
  }
}

/** @returns undefined where no summary would let it through: then what refused it is the last word */
function whyShorter(
  error: unknown,
  asked: EditedConversation,
  context: ContextPlan,
  loaded: LoadedAgent,
): string | undefined {
  if (!context.compact || !mayFitShorter(error)) return undefined;
  if (error.type === 'Model.ContextTooLong') return 'the provider says that the request is too long';
  return summableRange(asked, context, loaded, true) ? error.message : undefined;
}

/**
 * @param isCompacted it was, in this turn: there is no second time
 * @returns why the conversation must be compacted first, in words; undefined where it need not be
 * @throws ApplicationFailure `Model.ContextTooLong` where no edit makes the request fit a window that is known: before any call, because
 * not every provider refuses what it cannot read
 */
function isFull(
  measured: Measured,
  context: ContextPlan,
  loaded: LoadedAgent,
  isCompacted: boolean,
): string | undefined {
  const { window } = context;
  const { isExact } = counterOf(loaded);
  const tooLarge = oversized(measured, window, isExact);
  if (tooLarge) throw failure('Model.ContextTooLong', describeOversized(tooLarge));
  if (!isCompacted && planCompact(measured, context, { isExact })) {
    const size = `${tokensOf(measured)} tokens${window === undefined ? '' : ` of ${window}`}`;
    return `${size}, ${measured.entries.length} messages`;
  }
  const over = describeOver(measured, context, { isExact, isCompacted });
  if (over) throw failure('Model.ContextTooLong', over);
  return undefined;
}

/** A run begins with a message, so there is always a head to call the model with. */
function linked(deps: ActivityDeps, asked: EditedConversation): { head: string; objects: Uint8Array[] } {
  const { head, objects } = deps.conversation.extend(asked.base, addedTo(asked));
  if (head === null) throw failure('Runtime.Unexpected', 'a model call needs a conversation.');
  return { head, objects: [...asked.objects, ...objects] };
}
