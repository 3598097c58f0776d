// Whose turn it is: the more urgent class, then tenants by weight, then whoever came first. Start-time fair queueing (Goyal, Vin, Cheng 1996):
// each tenant's turns lie 1/weight apart on a line that all tenants of a class move along, and the next one on it begins.
import type { QueueSettings, TurnsState, WaitingRun } from '../contract/queue';
import { PRIORITIES } from '../contract/quota';

/** Of tenants that are ahead. Beyond it the oldest are forgotten: they begin like the others. */
const TENANTS_KEPT = 500;

export const newTurns = (): TurnsState => ({ reached: PRIORITIES.map(() => 0), next: [] });

export interface Turn {
  item: WaitingRun;
  at: number;
  /** Who came first. */
  nth: number;
}

const keyOf = ({ class: ofClass, tenant }: Pick<WaitingRun, 'class' | 'tenant'>): string => `${ofClass}/${tenant}`;
const weightOf = ({ weights }: Pick<QueueSettings, 'weights'>, tenant: string): number => {
  const weight = Object.hasOwn(weights, tenant) ? weights[tenant] : undefined;
  return weight === undefined || !(weight > 0) ? 1 : weight;
};

/** Of all that wait, in the order in which they came. */
export function turnsOf(
  { reached, next }: TurnsState,
  waiting: readonly WaitingRun[],
  settings: Pick<QueueSettings, 'weights'>,
): Turn[] {
  const ahead = new Map(next);
  return waiting.map((item, nth) => {
    const key = keyOf(item);
    const own = ahead.get(key) ?? 0;
    const others = reached[item.class] ?? 0;
    // Not `Math.max`: a workflow looks up what is global a hundred times as slowly as what is its own.
    const at = own > others ? own : others;
    ahead.set(key, at + 1 / weightOf(settings, item.tenant));
    return { item, at, nth };
  });
}

const isBefore = (one: Turn, other: Turn): boolean =>
  one.item.class !== other.item.class
    ? one.item.class < other.item.class
    : one.at !== other.at
      ? one.at < other.at
      : one.nth < other.nth;

/** 1 begins next, if nobody else comes. */
export function placeAmong(turns: readonly Turn[], turn: Turn): number {
  let place = 1;
  for (const other of turns) if (isBefore(other, turn)) place += 1;
  return place;
}

/** Those that begin next, in their order. */
export function firstOf(turns: readonly Turn[], count: number): Turn[] {
  const first: Turn[] = [];
  for (const turn of turns) {
    const last = first[first.length - 1];
    if (first.length === count && (last === undefined || isBefore(last, turn))) continue;
    let place = first.length;
    while (place > 0 && first[place - 1] !== undefined && isBefore(turn, first[place - 1] ?? turn)) place -= 1;
    first.splice(place, 0, turn);
    if (first.length > count) first.pop();
  }
  return first;
}

/** @param taken in the order of their turns @param left what waits behind them */
export function takeTurns(
  turns: TurnsState,
  taken: readonly Turn[],
  left: readonly WaitingRun[],
  settings: Pick<QueueSettings, 'weights'>,
): void {
  const next = new Map(turns.next);
  for (const { item, at } of taken) {
    const key = keyOf(item);
    next.delete(key);
    next.set(key, at + 1 / weightOf(settings, item.tenant));
    turns.reached[item.class] = Math.max(turns.reached[item.class] ?? 0, at);
  }
  const waits = new Set(left.map((item) => item.class));
  const kept = [...next].filter(([key, at]) => {
    const ofClass = Number(key.slice(0, key.indexOf('/')));
    // Where nobody of a class waits, all begin alike: what a tenant did not use is not saved up, nor is what it used held against it.
    return waits.has(ofClass) && at > (turns.reached[ofClass] ?? 0);
  });
  turns.next = kept.slice(-TENANTS_KEPT);
  turns.reached = turns.reached.map((at, ofClass) => (waits.has(ofClass) ? at : 0));
}
