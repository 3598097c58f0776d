// An action that must never be done twice: claimed before it is begun, looked up where an earlier attempt was cut off, and said to be
// unknown where nobody can tell. What is done by a key is simply done again: whoever gets the key does it once.
import type { Effect } from './effect-ledger';
import { isToolFailure } from './define/tool-failure';
import { ToolRejection, type Reconciled } from './define/tool';

/** Whether it happened is not known, and cannot be looked up. */
export class OutcomeUnknown extends Error {
  override readonly name = 'OutcomeUnknown';
}

/** Another attempt may still act, or this one has no time left to: until then nobody may say that nothing happened. */
export class StillUnderWay extends Error {
  override readonly name = 'StillUnderWay';
  constructor(
    readonly retryAfterMs: number,
    why = 'an earlier attempt may still be under way.',
  ) {
    super(why);
  }
}

/** Another call of the run has taken this action meanwhile: what came of it stands in the ledger. */
export class DoneMeanwhile extends Error {
  override readonly name = 'DoneMeanwhile';
}

/** Thrown inside `guarded` where another call was faster. */
export class Overtaken extends Error {
  override readonly name = 'Overtaken';
}

export interface Action {
  act(): Promise<unknown>;
  /** Makes the call that is given, unless the outside is left alone: then it throws, with nothing done. */
  guarded(act: () => Promise<unknown>): Promise<unknown>;
  /** Absent where the tool has none. */
  reconcile: (() => Promise<Reconciled<unknown>>) | undefined;
  now(): number;
  /** Ends, with an error, when the attempt is told to stop. */
  pause(ms: number): Promise<void>;
  /** How long the attempt may wait for another call and still say what became of it. */
  waitMostMs: number;
  /** Temporal makes no further attempt of this call. */
  isLast: boolean;
  /** A person says that what was claimed before then has not acted. Milliseconds since the epoch. */
  notDoneUntil: number | undefined;
  /** The attempt was told to stop. */
  isStopped(): boolean;
  /** An error of what stands around the tool, which Temporal tries again. */
  isOfTheRuntime(error: unknown): boolean;
  /** An error after which Temporal makes no further attempt, whichever this one is. */
  isFinal(error: unknown): boolean;
}

/**
 * @returns what the tool answered, now or in the attempt that was cut off
 * @throws OutcomeUnknown, StillUnderWay, DoneMeanwhile, or what the tool threw, where it is known that it may be tried again
 */
export async function actOnce(effect: Effect | undefined, action: Action): Promise<unknown> {
  if (!effect?.isOnce) return await action.guarded(action.act);
  const hasWaited = await othersEnd(effect, action);
  if (effect.done) throw new DoneMeanwhile();
  const { claim } = effect;
  if (claim) {
    const left = claim.until - action.now();
    // The attempt may be alive, and tell what came of it itself: nobody else can.
    if (left > 0 && !action.reconcile && !action.isLast) throw new StillUnderWay(left);
    const found =
      claim.at <= (action.notDoneUntil ?? -Infinity)
        ? NOT_DONE
        : await lookUp(action, 'an earlier attempt was cut off.');
    if (found.outcome === 'done') return found.output;
    if (left > 0 && action.isLast) throw new OutcomeUnknown('an earlier attempt may still be under way.');
    if (left > 0) throw new StillUnderWay(left);
  }
  // Temporal ends an attempt that takes longer than its tool may: one that has waited would claim what it cannot bring to an end.
  if (hasWaited) throw new StillUnderWay(AT_ONCE_MS, 'the same action, asked for beside this one, came to nothing.');
  // Before it is claimed: who was told to stop does not begin, and claims nothing.
  if (action.isStopped()) return await action.act();
  let hasTaken = false;
  try {
    // Claimed only where it is called: what is refused has not begun.
    return await action.guarded(async () => {
      hasTaken = await effect.take();
      if (!hasTaken) throw new Overtaken();
      return await action.act();
    });
  } catch (error) {
    if (error instanceof Overtaken) return await actOnce(effect, action);
    if (!hasTaken) throw error;
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

/** Temporal takes no delay of nothing. */
const AT_ONCE_MS = 1;
/** A look at the ledger is one read of a record. */
const LOOK_FIRST_MS = 25;
const LOOK_MOST_MS = 1_000;

/**
 * Another call of the same turn that acts is waited for here, and not by further attempts: it mostly takes moments, and a tool may have one
 * attempt alone.
 * @returns whether there was one
 */
async function othersEnd(effect: Effect, action: Action): Promise<boolean> {
  let waitedMs = 0;
  const leftMs = (): number =>
    effect.done === undefined && effect.isOfAnother ? (effect.claim?.until ?? 0) - action.now() : 0;
  for (let stepMs = LOOK_FIRST_MS; leftMs() > 0 && waitedMs < action.waitMostMs; stepMs *= 2) {
    const ms = Math.min(stepMs, LOOK_MOST_MS, leftMs());
    await action.pause(ms);
    waitedMs += ms;
    await effect.refresh();
  }
  return waitedMs > 0;
}

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
