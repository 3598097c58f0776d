// One call for several tasks, and what each of them has of it.
import { ApplicationFailure } from '@temporalio/common';
import type { Cost } from '../../../workflows/contract/cost';
import type { JsonValue, Usage } from '../../../workflows/contract/message';
import { PRIORITIES } from '../../../workflows/contract/quota';
import type { ActivityDeps, LoadedAgent } from '../../deps';
import { counterOf } from '../../edited-conversation';
import { judgeAnswer } from '../../judge-answer';
import type { ModelResponse } from '../../model/provider';
import type { Caller } from '../ports';
import { sendRequest, type BatchPart, type Sent, type ToSend } from '../send-request';
import { inputTokensOf } from './batch-room';
import { sharedSpending } from './shared-spending';
import { answersOf, type AloneReason } from './shared-answer';
import { sharedRequest } from './shared-request';
import { splitUsage } from './split-usage';

export type BatchDeps = Pick<ActivityDeps, 'providers' | 'quota' | 'routing' | 'now' | 'store' | 'metrics'>;

/** One that waits for others. */
export interface Waiting {
  toSend: ToSend;
  input: string;
}

/** What a task has of a shared call: its answer, or that it is to be asked alone, and what it has used by then. */
export type Outcome = { sent: Sent } | { used: Usage; cost?: Cost; batch?: BatchPart };

const NOTHING: Usage = { input: 0, cachedInput: 0, output: 0, reasoning: 0 };

/** @throws as `sendRequest` does, where it says nothing of the request itself: then it holds for each of the tasks */
export async function sendShared(
  deps: BatchDeps,
  tasks: readonly Waiting[],
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const [first, ...others] = tasks;
  if (!first) return [];
  const { loaded, caller } = first.toSend;
  deps.metrics.batchSent(loaded.manifest.agent, tasks.length);
  if (others.length === 0) return [{ used: NOTHING }];
  const inputs = tasks.map(({ input }) => input);
  try {
    const sent = await sendRequest(deps, {
      loaded,
      caller: { ...caller, ...urgencyOf(tasks), signal },
      // Nobody is shown its stream: each task has another's words in it.
      call: { signal },
      spending: sharedSpending(tasks),
      tasks: tasks.length,
      requestTo: (_, model) => Promise.resolve(sharedRequest(loaded.manifest, model, inputs)),
    });
    return await shareOut(deps, tasks, sent);
  } catch (error) {
    if (!isOfRequest(error)) throw error;
    return tasks.map((_, at) => ({
      used: NOTHING,
      batch: { item: at + 1, of: tasks.length, alone: 'no-answer' },
    }));
  }
}

/** It waits as the most urgent of them would, and as the one that has waited longest: none is held up by another. */
function urgencyOf(tasks: readonly Waiting[]): Pick<Caller, 'priority' | 'waitingSince'> {
  const callers = tasks.map(({ toSend: { caller } }) => caller);
  const priority = PRIORITIES.find((one) => callers.some((caller) => (caller.priority ?? 'normal') === one));
  const since = callers.flatMap(({ waitingSince }) => waitingSince ?? []);
  return {
    ...(priority === undefined ? {} : { priority }),
    ...(since.length === 0 ? {} : { waitingSince: Math.min(...since) }),
  };
}

/**
 * Refused for what it asks: for its form, its length, for one of the tasks, whose run may have no money for it, or because their tenant has
 * not enough for all of them. Which, only calls of their own can tell.
 */
const isOfRequest = (error: unknown): boolean =>
  error instanceof ApplicationFailure && OF_REQUEST.includes(error.type ?? '');
const OF_REQUEST = [
  ...['Model.BadRequest', 'Model.ContextTooLong', 'Model.QuotaTooSmall', 'Model.PriceUnknown'],
  ...['Budget.MoneyExhausted', 'Budget.TenantExhausted'],
];

async function shareOut(
  deps: BatchDeps,
  tasks: readonly Waiting[],
  { response, route, tried }: Sent,
): Promise<Outcome[]> {
  const answers = answersOf(response, tasks.length).map((one) =>
    'alone' in one ? one : { ...one, text: typeof one.answer === 'string' ? one.answer : JSON.stringify(one.answer) },
  );
  const counted = tasks.map(({ toSend, input }, at) => {
    const answer = answers[at];
    const text = answer && 'text' in answer ? answer.text : '';
    return { input: inputTokensOf(toSend.loaded, input), output: counterOf(toSend.loaded).countText(text) };
  });
  const usages = splitUsage(response.usage, counted);
  return await Promise.all(
    tasks.map(async ({ toSend: { loaded, caller, spending, call } }, at): Promise<Outcome> => {
      const used = usages[at] ?? NOTHING;
      // Who has left was told when it did.
      if (call.signal.aborted) return { used };
      const cost = spending.answered(route, used, 1 / tasks.length);
      const batch = { item: at + 1, of: tasks.length, request: response.request.sha256 };
      const answer = answers[at] ?? { alone: 'missing' as const };
      const alone = (reason: AloneReason): Outcome => ({ used, cost, batch: { ...batch, alone: reason } });
      if ('alone' in answer) return alone(answer.alone);
      const own = ownResponse(response, { item: at + 1, ...answer, used });
      if (!(await isUsable(deps, loaded, caller.tenant, own, answer.answer))) return alone('invalid');
      // Whoever else was asked was paid for once: the first task says it for all.
      const others = at === 0 && tried ? { tried } : {};
      return { sent: { response: own, cost, route, rawForm: undefined, batch, ...others } };
    }),
  );
}

/** As a call of its own would have answered: what others were told is in none of it, their text, reasoning and raw items included. */
function ownResponse(
  { finish, model, request, requestId }: ModelResponse,
  { item, answer, text, used }: { item: number; answer: JsonValue; text: string; used: Usage },
): ModelResponse {
  return {
    ...{ finish, model, request, usage: used },
    ...(requestId === undefined ? {} : { requestId }),
    message: { role: 'assistant', parts: [{ type: 'text', text }] },
    raw: { item, answer },
  };
}

async function isUsable(
  { store }: BatchDeps,
  loaded: LoadedAgent,
  tenant: string,
  own: ModelResponse,
  answer: JsonValue,
): Promise<boolean> {
  if (!loaded.manifest.output && typeof answer !== 'string') return false;
  const verdict = await judgeAnswer(own, loaded, { tenant, nameOf: (bytes) => store.nameOf(bytes) });
  return verdict.problem === undefined;
}
