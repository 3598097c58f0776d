// A model call that may be answered by what another call was told: before the model is asked, and after it has answered.
import { z } from 'zod';
import type { CallModelInput } from '../../../workflows/contract/activities';
import type { CachePlan } from '../../../workflows/contract/cache';
import type { Message, Usage } from '../../../workflows/contract/message';
import { RECALL_TOOL } from '../../../workflows/contract/names';
import type { ModelRecord } from '../../../workflows/contract/schemas/call-record';
import type { ActivityDeps, Attempt, LoadedAgent } from '../../deps';
import { toolsFor } from '../../edited-conversation';
import { judgeAnswer, type Verdict } from '../../judge-answer';
import { spreadMs } from '../../retry-delay';
import type { ModelResponse } from '../../model/provider';
import type { RefWrite } from '../../store/port';
import { cacheName, runRecordName } from '../../store/ref-names';
import { orWhy } from '../../store/why-unreadable';
import type { Sent } from '../send-request';
import type { Answered } from './answer-cache';
import type { Flight } from './flight';
import { questionBytes } from './question';

export interface SharedAnswer extends Sent {
  /** Hash of the provider's own items: they are stored. */
  raw: string;
  /** Who was answered first; and that its question was not the same to the byte. */
  origin: { name: string; run: string; at: number; near?: true };
  /** What it took then: nothing is paid now. */
  saved: Usage;
}

/** A question that is asked for all who ask it. */
export interface AskedForAll extends Flight {
  /** Names it to the byte, where near ones count as the same. */
  readonly exact?: string;
}

export type SharedQuestion =
  | { kind: 'answered'; answer: SharedAnswer }
  | { kind: 'ask'; flight?: AskedForAll }
  | { kind: 'wait'; waitUntil: number; reason: string };

interface ToShare {
  loaded: LoadedAgent;
  /** As the model is going to read them, and what names them all. */
  messages: readonly Message[];
  head: string;
}

const NO_USAGE: Usage = { input: 0, cachedInput: 0, output: 0, reasoning: 0 };
const ELSEWHERE = 'another run asks the model the same, and its answer is going to be shared';

/** @throws ApplicationFailure `Store.*`; the signal's reason */
export async function shareQuestion(
  deps: ActivityDeps,
  input: CallModelInput,
  attempt: Attempt,
  { loaded, messages, head }: ToShare,
): Promise<SharedQuestion> {
  const { manifest } = loaded;
  const { cache: plan } = manifest;
  if (!plan || !deps.cache) return { kind: 'ask' };
  const question = { head, messages, manifest, tools: toolsFor(loaded, messages), user: input.user };
  const nameOf = (as: CachePlan): string => deps.store.nameOf(questionBytes(question, as));
  const name = cacheName(input.tenant, nameOf(plan));
  const exact = plan.normalise ? nameOf(toTheByte(plan)) : undefined;
  let answer: SharedAnswer | undefined;
  const entered = await deps.cache.enter(name, {
    run: attempt.workflowId,
    signal: attempt.signal,
    mostMs: attempt.timeoutMs ?? manifest.plan.model.timeoutMs,
    isUsable: async (answered) => {
      if (deps.now() - answered.at >= plan.ttlMs) return false;
      answer = await usable(deps, input, loaded, { answered, name, plan, exact });
      return answer !== undefined;
    },
  });
  if (entered.kind === 'wait')
    return { kind: 'wait', waitUntil: deps.now() + spreadMs(entered.ms, input, attempt.number), reason: ELSEWHERE };
  if (entered.kind === 'ask')
    return entered.flight && exact !== undefined ? { kind: 'ask', flight: { ...entered.flight, exact } } : entered;
  return answer ? { kind: 'answered', answer } : { kind: 'ask' };
}

const toTheByte = ({ normalise: _, ...plan }: CachePlan): CachePlan => plan;

interface ToUse {
  answered: Answered;
  name: string;
  plan: CachePlan;
  exact: string | undefined;
}

/** Judged as this run's release judges: other code may find fault with it. */
async function usable(
  deps: ActivityDeps,
  { tenant }: CallModelInput,
  loaded: LoadedAgent,
  { answered, name, plan, exact }: ToUse,
): Promise<SharedAnswer | undefined> {
  const [message, isGone] = await Promise.all([storedMessage(deps, answered.message), isErased(deps, answered.run)]);
  if (message?.role !== 'assistant' || isGone) return undefined;
  const { finish, model, request, requestId, usage, run, at, route, raw, rawForm } = answered;
  const response = {
    ...{ message, finish, usage: NO_USAGE, model, raw: null, request },
    ...(requestId === undefined ? {} : { requestId }),
  };
  const verdict = await judgeAnswer(response, loaded, { tenant, nameOf: (bytes) => deps.store.nameOf(bytes) });
  if (!mayShare(verdict, loaded, plan)) return undefined;
  const origin = { name, run, at, ...(exact === answered.exact ? {} : { near: true as const }) };
  return { response, cost: { nanoUsd: 0 }, route, rawForm, raw, origin, saved: usage };
}

/** What it said is nobody's any more, whoever else asks, also where an activity that outlived it has stored its answer since. */
async function isErased({ store }: ActivityDeps, run: string): Promise<boolean> {
  const record = await store.readRef(runRecordName(run));
  return erasedSchema.safeParse(record?.value).success;
}
const erasedSchema = z.object({ erased: z.object({ at: z.number() }) });

/** What is kept is a saving, and no reason for a run to stop. */
const storedMessage = async ({ conversation }: ActivityDeps, hash: string): Promise<Message | undefined> =>
  (await orWhy(conversation.messages([hash]))).got?.[0];

/** Neither what is wrong, nor, unless declared, what leads to an effect. */
function mayShare({ problem, message }: Verdict, { manifest }: LoadedAgent, { toolCalls }: CachePlan): boolean {
  if (problem) return false;
  return message.parts.every((part) => {
    if (part.type !== 'tool-call' || toolCalls === 'all') return true;
    const onlyReads = part.name === RECALL_TOOL || manifest.plan.tools[part.name]?.effect === 'read';
    return toolCalls === 'read' && onlyReads && !part.malformed;
  });
}

interface ToLand {
  record: ModelRecord;
  verdict: Verdict;
  loaded: LoadedAgent;
  response: Pick<ModelResponse, 'model'>;
}

/** @returns to be written with the answer's record; undefined where it is not to be shared, or cannot be any more */
export async function landAnswer(
  flight: AskedForAll,
  run: string,
  { record, verdict, loaded, response: { model } }: ToLand,
): Promise<RefWrite | undefined> {
  const { cache: plan } = loaded.manifest;
  const { answer, raw, rawForm, finish, request, requestId, endedAt } = record;
  const message = answer.messages[0]?.hash;
  const isEnd = finish === 'stop' || finish === 'tool-calls';
  if (!plan || message === undefined || !isEnd || !mayShare(verdict, loaded, plan)) {
    // What calls tools with effects does so whoever asks: nobody is to wait for it.
    await flight.giveUp(verdict.problem ? 1 : Infinity);
    return undefined;
  }
  const answered: Answered = {
    ...{ state: 'answered', schemaVersion: 1, run, at: endedAt, message, finish, usage: answer.usage },
    ...{ route: answer.model, model, raw, request },
    ...(rawForm === undefined ? {} : { rawForm }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(flight.exact === undefined ? {} : { exact: flight.exact }),
  };
  return await flight.land(answered, plan.ttlMs);
}
