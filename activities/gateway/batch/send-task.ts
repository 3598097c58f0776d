// One task on its way to the model: in a call of its own, or, where its agent batches, in one that it shares with what waits at this worker
// at the same time. What a shared call does not answer is asked again alone, in the same activity.
import { LRUCache } from 'lru-cache';
import { addCosts, addUsage, type Cost } from '../../../workflows/contract/cost';
import type { Message, Usage } from '../../../workflows/contract/message';
import { isShadowId } from '../../../workflows/contract/names';
import type { LoadedAgent } from '../../deps';
import { textOf } from '../../judge-answer';
import { sendRequest, type BatchPart, type Sent, type ToSend } from '../send-request';
import { StoppedCall } from '../stopped-call';
import { batchRoom, inputTokensOf, weightOf, type BatchRoom } from './batch-room';
import { createGathering, type Gathering } from './gathering';
import { sendShared, type BatchDeps, type Outcome, type Waiting } from './send-shared';

export interface TaskToSend extends ToSend {
  task: {
    /** As the model is to read them. */
    messages: readonly Message[];
    /** From 1. */
    attempt: number;
    user: string | undefined;
  };
}

/**
 * From this attempt on a task goes alone: what breaks a call, its own input perhaps, must not break those of others again and again.
 * Attempts before it are worth sharing, for most failures are the provider's.
 */
const ALONE_FROM_ATTEMPT = 3;

type Gatherings = LRUCache<string, Gathering<Waiting, Outcome>>;
/** Of this process, by what they are sent through: activities of one worker alone can share a call. */
const GATHERINGS = new WeakMap<object, Gatherings>();
/** One that falls out while tasks wait in it is sent all the same. */
const GATHERINGS_MOST = 1_000;

/** @throws as `sendRequest` does; of a shared call, to each of its tasks */
export async function sendTask(deps: BatchDeps, { task, ...toSend }: TaskToSend): Promise<Sent> {
  const { loaded, call } = toSend;
  // What a shadow asks must not stand beside what somebody waits for.
  const mayShare = task.attempt < ALONE_FROM_ATTEMPT && loaded.manifest.batch && !isShadowId(toSend.caller.run);
  const input = mayShare ? inputOf(task.messages) : undefined;
  if (input === undefined) return await sendRequest(deps, toSend);
  const room = batchRoom(loaded);
  const weight = weightOf(loaded, input);
  if (room.size < 2 || weight > room.tokens) return await sendRequest(deps, toSend);
  const gathering = gatheringOf(deps, toSend, { user: task.user, room });
  const outcome = await gathering.join({ toSend, input }, weight, call.signal);
  if ('used' in outcome) return await sendAlone(deps, toSend, outcome);
  call.onDelta?.({ text: textOf(outcome.sent.response.message) });
  return outcome.sent;
}

/** Undefined where there is more than one plain message of a person or a program: a later turn, files, or what the runtime says. */
function inputOf([message, ...others]: readonly Message[]): string | undefined {
  if (others.length > 0 || message?.role !== 'user') return undefined;
  const texts = message.parts.map((part) => (part.type === 'text' ? part.text : undefined));
  return texts.includes(undefined) ? undefined : texts.join('\n');
}

function gatheringOf(
  deps: BatchDeps,
  { loaded, caller }: ToSend,
  { user, room }: { user: string | undefined; room: BatchRoom },
): Gathering<Waiting, Outcome> {
  const { batch } = loaded.manifest;
  const gatherings: Gatherings = GATHERINGS.get(deps.providers) ?? new LRUCache({ max: GATHERINGS_MOST });
  GATHERINGS.set(deps.providers, gatherings);
  // Nothing of one tenant, one release or, where the agent says so, one user ever stands beside another's.
  const name = JSON.stringify([caller.tenant, caller.release, batch?.within === 'user' ? (user ?? null) : null]);
  const known = gatherings.get(name);
  if (known) return known;
  const made = createGathering<Waiting, Outcome>({
    size: room.size,
    delayMs: batch?.delayMs ?? 0,
    most: room.tokens,
    send: (tasks, signal) => sendShared(deps, tasks, signal),
    left: ({ toSend, input }, all) => {
      const left = leftOf(loaded, input, room.overhead / all.length);
      toSend.spending.lost(left.route, left.usage, 1 / all.length);
      return left;
    },
  });
  gatherings.set(name, made);
  return made;
}

/** Its part of a call that goes on without it: an estimate, since what the call comes to is not known yet. */
function leftOf(loaded: LoadedAgent, input: string, overhead: number): StoppedCall {
  const tokens = Math.round(inputTokensOf(loaded, input) + overhead);
  return new StoppedCall(
    { input: tokens, cachedInput: 0, output: 0, reasoning: 0 },
    loaded.manifest.model.route[0] ?? '',
  );
}

async function sendAlone(
  deps: BatchDeps,
  toSend: ToSend,
  { used, cost, batch }: { used: Usage; cost?: Cost; batch?: BatchPart },
): Promise<Sent> {
  if (batch?.alone) deps.metrics.askedAlone(toSend.loaded.manifest.agent, batch.alone);
  const sent = await sendRequest(deps, toSend);
  const response = { ...sent.response, usage: addUsage(used, sent.response.usage) };
  return { ...sent, response, cost: addCosts(cost, sent.cost) ?? sent.cost, ...(batch ? { batch } : {}) };
}
