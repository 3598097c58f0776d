// An action that must never be done twice: claimed before it is begun, looked up where an earlier attempt was cut off, and said to be
// unknown where nobody can tell. What is done by a key is simply done again: whoever gets the key does it once.
import type { Effect } from './effect-ledger';
import { isToolFailure } from './define/tool-failure';
import { ToolRejection, type Reconciled } from './define/tool';

/** Whether it happened is not known, and cannot be looked up. */
export class OutcomeUnknown extends Error {
  override readonly name = 'OutcomeUnknown';
}

/** An earlier attempt may still act: until then nobody may say that nothing happened. */
export class StillUnderWay extends Error {
  override readonly name = 'StillUnderWay';
  constructor(readonly retryAfterMs: number) {
    super('an earlier attempt may still be under way.');
  }
}

export interface Action {
  act(): Promise<unknown>;
  /** Absent where the tool has none. */
  reconcile: (() => Promise<Reconciled<unknown>>) | undefined;
  now(): number;
  /** Temporal makes no further attempt of this call. */
  isLast: boolean;
  /** A person says that an earlier attempt has not acted. */
  isNotDone: boolean;
  /** The attempt was told to stop. */
  isStopped(): boolean;
  /** An error of what stands around the tool, which Temporal tries again. */
  isOfTheRuntime(error: unknown): boolean;
  /** An error after which Temporal makes no further attempt, whichever this one is. */
  isFinal(error: unknown): boolean;
}

/**
 * @returns what the tool answered, now or in the attempt that was cut off
 * @throws OutcomeUnknown, StillUnderWay, or what the tool threw, where it is known that it may be tried again
 */
export async function actOnce(effect: Effect | undefined, action: Action): Promise<unknown> {
  if (!effect?.isOnce) return await action.act();
  const { claim } = effect;
  if (claim) {
    const found = action.isNotDone ? NOT_DONE : await lookUp(action, 'an earlier attempt was cut off.');
    if (found.outcome === 'done') return found.output;
    const left = claim.until - action.now();
    if (left > 0 && action.isLast) throw new OutcomeUnknown('an earlier attempt may still be under way.');
    if (left > 0) throw new StillUnderWay(left);
  }
  // Before it is claimed: who was told to stop does not begin, and claims nothing.
  if (action.isStopped()) return await action.act();
  await effect.take();
  try {
    return await action.act();
  } catch (error) {
    if (action.isStopped() || action.isOfTheRuntime(error)) throw error;
    if (isKnownNotToHaveActed(error)) {
      await effect.release();
      throw error;
    }
    if (!action.reconcile) throw unknown(textOf(error));
    if (!action.isLast && !action.isFinal(error)) throw error;
    const found = await lookUp(action, textOf(error));
    if (found.outcome === 'done') return found.output;
    await effect.release();
    throw error;
  }
}

const NOT_DONE = { outcome: 'not-done' } as const;

async function lookUp(
  { reconcile, isLast }: Action,
  why: string,
): Promise<Exclude<Reconciled<unknown>, { outcome: 'unknown' }>> {
  if (!reconcile) throw unknown(why);
  let found: Reconciled<unknown>;
  try {
    found = await reconcile();
  } catch (error) {
    // It changes nothing, so it may be asked again as often as there are attempts.
    if (!isLast) throw error;
    throw unknown(`${why} Looking it up failed: ${textOf(error)}`);
  }
  if (found.outcome === 'unknown') throw unknown(why);
  return found;
}

const isKnownNotToHaveActed = (error: unknown): boolean =>
  (error instanceof Error && error.name === ToolRejection.name) ||
  (isToolFailure(error) && !error.options.mayHaveActed);

const unknown = (why: string): OutcomeUnknown => new OutcomeUnknown(`it may have happened, or not: ${why}`);
const textOf = (error: unknown): string => (error instanceof Error ? error.message || error.name : String(error));
