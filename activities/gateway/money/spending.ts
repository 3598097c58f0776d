// What the requests of one call have taken: over its attempts, and along its route. Each is counted once, whether or not it was answered.
//
// An attempt that fails says what it had taken in its last heartbeat, where the next one finds it. One that died with its worker says
// nothing: what it had sent is counted as one request that was read and not answered.
import { z } from 'zod';
import type { Cost, SpentDetails } from '../../../workflows/contract/cost';
import type { Usage } from '../../../workflows/contract/message';
import { triedSchema, type Tried } from '../../../workflows/contract/schemas/call-record';
import { spentSchema } from '../../../workflows/contract/schemas/cost';
import type { ActivityDeps, Attempt, OfRelease } from '../../deps';
import { allowedOutput } from './allowance';
import { addInVain } from './in-vain';
import { costOf } from './prices';

/** `part`: of the request, where tasks of other runs share it. @default 1, all of it */
export interface Spending {
  /** A request is about to be sent, as long as those of attempts that died without a word. */
  begins(route: string, request: { readonly input: number }, part?: number): void;
  /**
   * Before it is sent: whether the run's money is enough for it.
   * @param held an answer of this call that is neither `lost` nor `answered` with yet
   * @returns tokens that its answer may have; undefined where money does not bound it
   * @throws ApplicationFailure `Budget.MoneyExhausted`, `Model.PriceUnknown`
   */
  allows(route: string, request: { readonly input: number }, held?: HeldAnswer): number | undefined;
  /** It brought nothing that the call could use. @param usage estimated */
  lost(route: string, usage: Usage, part?: number): void;
  /** It was answered, and another answer is taken. @param usage as its provider tells it */
  wasted(route: string, usage: Usage, part?: number): void;
  /** @returns what the answer alone took */
  answered(route: string, usage: Usage, part?: number): Cost;
  /** Its answer is in memory, with what went before it: who stores it counts both, and no failure before that does. */
  keeps(): void;
  /** Nobody of the route answered: who was asked is told to the next attempt, for its record. */
  failed(tried: readonly Tried[]): void;
  /** Who was asked by earlier attempts. */
  failedBefore(): readonly Tried[];
  /** What requests before the answer took, as it tells it. */
  unanswered(): { unanswered?: SpentDetails };
  /** What an answer took that is in memory, with what went before it: where another attempt's is the call's answer. */
  keptInVain(): SpentDetails | undefined;
  /** What all of them took, where the workflow is told something else instead of an answer. */
  inVain(): { unanswered?: SpentDetails };
}

export interface HeldAnswer {
  route: string;
  response: { usage: Usage };
}

const toldSchema = z.object({
  attempt: z.number().int().positive(),
  spent: spentSchema.exactOptional(),
  /** What an answer that is in the memory of its worker took, with what went before it: it counts where the model is asked anew. */
  kept: spentSchema.exactOptional(),
  /** Of a route that was asked to its end. */
  tried: z.array(triedSchema).exactOptional(),
});
/** What an attempt that failed leaves to the next. */
export type ToldSpending = z.output<typeof toldSchema>;

/** Of those that were asked in vain: what is told on stays small, however often the call is made again. */
const TRIED_MOST = 20;

const SPENT_BY = new WeakMap<object, SpentDetails>();
/** What the call that failed with it had taken. */
export const spentBy = (error: unknown): SpentDetails | undefined =>
  typeof error === 'object' && error !== null ? SPENT_BY.get(error) : undefined;

type SpendingDeps = Pick<ActivityDeps, 'prices' | 'metrics'>;

/**
 * Counts what `work` takes; where it fails, that is told to the next attempt, or to the workflow.
 * @param nanoUsdLeft of the run, when the call was asked for; absent where money is not limited
 */
export async function withSpending<T>(
  deps: SpendingDeps,
  of: OfRelease,
  attempt: Attempt,
  work: (spending: Spending) => Promise<T>,
  nanoUsdLeft?: number,
): Promise<T> {
  const counter = createCounter(deps, of, attempt, nanoUsdLeft);
  try {
    return await work(counter.spending);
  } catch (error) {
    const left = counter.left();
    if (left.spent && typeof error === 'object' && error !== null) SPENT_BY.set(error, left.spent);
    attempt.tell?.({ attempt: attempt.number, ...left });
    throw error;
  }
}

function createCounter(
  { prices, metrics }: SpendingDeps,
  { agent, release }: OfRelease,
  { number, told }: Attempt,
  nanoUsdLeft: number | undefined,
): { spending: Spending; left(): Omit<ToldSpending, 'attempt'> } {
  const before = toldSchema.safeParse(told).data;
  let silent = number - 1 - (before?.attempt ?? 0);
  let unanswered = before?.spent;
  let answer: SpentDetails | undefined;
  let kept = before?.kept;
  let tried = before?.tried ?? [];
  const count = (route: string, usage: Usage, part: number | undefined, isTold: boolean): Required<SpentDetails> => {
    const cost = costOf(prices, route, usage, part);
    metrics.modelSpent({ agent, release, model: route, usage, nanoUsd: cost.nanoUsd });
    const own = { model: route, requests: part ?? 1, spent: usage, cost };
    return { spent: usage, cost, by: [isTold ? { ...own, answered: true } : own] };
  };
  const lost = (route: string, usage: Usage, part?: number): void => {
    unanswered = addInVain(unanswered, count(route, usage, part, false));
  };
  const inVain = (): SpentDetails | undefined => addInVain(unanswered, answer);
  return {
    spending: {
      begins: (route, request, part) => {
        for (; silent > 0; silent -= 1)
          lost(route, { input: request.input, cachedInput: 0, output: 0, reasoning: 0 }, part);
        unanswered = addInVain(unanswered, kept);
        kept = undefined;
      },
      allows: (route, request, held) => {
        if (nanoUsdLeft === undefined) return undefined;
        const spent = addInVain(kept, inVain())?.cost?.nanoUsd ?? 0;
        const ofHeld = held ? costOf(prices, held.route, held.response.usage).nanoUsd : 0;
        return allowedOutput(prices, route, request.input, nanoUsdLeft - spent - ofHeld);
      },
      lost,
      wasted: (route, usage, part) => {
        unanswered = addInVain(unanswered, count(route, usage, part, true));
      },
      answered: (route, usage, part) => {
        const own = count(route, usage, part, true);
        answer = addInVain(answer, own);
        return own.cost;
      },
      keeps: () => {
        if (!answer) return;
        kept = addInVain(unanswered, answer);
        unanswered = undefined;
        answer = undefined;
      },
      failed: (those) => {
        tried = [...tried, ...those.map((one) => ({ ...one, attempt: number }))].slice(-TRIED_MOST);
      },
      failedBefore: () => tried,
      unanswered: () => (unanswered ? { unanswered } : {}),
      keptInVain: () => {
        const inMemory = kept;
        kept = undefined;
        return inMemory;
      },
      inVain: () => {
        const spent = inVain();
        return spent ? { unanswered: spent } : {};
      },
    },
    left: () => {
      const spent = inVain();
      return { ...(spent ? { spent } : {}), ...(kept ? { kept } : {}), ...(tried.length > 0 ? { tried } : {}) };
    },
  };
}
