// A queue of runs: who waits, who has a place, what was said of waits. Pure, with the clock handed in; ../run-queue.ts holds it up.
import type { StartedRun } from '../contract/queue-activities';
import type {
  DegradeStep,
  EnqueueAnswer,
  EnqueueRequest,
  LeavingRun,
  QueueInput,
  QueueItem,
  QueuePlace,
  QueueSettings,
  QueueState,
  RunSlot,
  WaitRange,
  WaitingRun,
  WithdrawAnswer,
  WithdrawRequest,
} from '../contract/queue';
import { REASON_CHARS } from '../contract/limits';
import { PRIORITIES } from '../contract/quota';
import { expectedWait, newEstimates, rangeOf, stayMs, takeStay, takeWait } from './estimates';
import { firstOf, newTurns, placeAmong, takeTurns, turnsOf, type Turn } from './turns';

/** Of runs that have left: whoever asks again for one of them was not answered a moment ago. */
const GONE_KEPT = 1_000;
/** Runs that one activity starts, or ends. */
export const STARTS_MOST = 50;
const RETRY_LEAST_MS = 1_000;
const RETRY_MOST_MS = 60_000;
/** Where nobody knows how long places are taken. */
const RETRY_UNKNOWN_MS = 5_000;

export const newQueue = ({ queue, shard, settings }: Pick<QueueInput, 'queue' | 'shard' | 'settings'>): QueueState => ({
  ...{ queue, shard, settings },
  waiting: [],
  slots: [],
  leaving: [],
  gone: [],
  turns: newTurns(),
  estimates: newEstimates(),
  reconciledAt: 0,
  counts: { accepted: 0, refused: 0, begun: 0, expired: 0, withdrawn: 0, degraded: 0, within: 0, told: 0 },
});

export function takeSettings(state: QueueState, settings: QueueSettings | undefined): void {
  if (settings && settings.version > state.settings.version) state.settings = settings;
}

/** Of what all shards have together. One that is not needed any more empties itself. */
function shareOf({ settings, shard }: QueueState, total: number): number {
  const share = Math.floor(total / settings.shards) + (shard < total % settings.shards ? 1 : 0);
  return Math.max(1, share);
}
export const depthOf = (state: QueueState): number => shareOf(state, state.settings.depth);
export const concurrencyOf = (state: QueueState): number => shareOf(state, state.settings.concurrency);

/** Asked again for what it has, it answers and changes nothing. */
export function enqueue(state: QueueState, { settings, items }: EnqueueRequest, now: number): EnqueueAnswer[] {
  takeSettings(state, settings);
  const accepted = new Set<string>();
  const kinds = items.map((item): 'begun' | 'waiting' | 'full' => {
    const known = whereIs(state, item.run);
    if (known) return known;
    if (state.waiting.length >= depthOf(state)) return 'full';
    state.waiting.push(waitingRun(item, now));
    accepted.add(item.run);
    return 'waiting';
  });
  state.counts.accepted += accepted.size;
  const stay = stayNow(state, now);
  const turns = turnsOf(state.turns, state.waiting, state.settings);
  const asked = new Set(items.map(({ run }) => run));
  const found = new Map(turns.filter(({ item }) => asked.has(item.run)).map((turn) => [turn.item.run, turn]));
  return items.map(({ run }, nth): EnqueueAnswer => {
    const kind = kinds[nth];
    const turn = found.get(run);
    if (kind === 'full') return refused(state, stay);
    if (kind === 'begun' || !turn) return { kind: 'begun' };
    const place = placeAt(state, placeAmong(turns, turn), turn.item, { now, stay });
    if (accepted.has(run)) say(turn.item, place);
    return { kind: 'waiting', ...shown(state, place) };
  });
}

const waitingRun = ({ run, tenant, priority }: QueueItem, now: number): WaitingRun => ({
  ...{ run, tenant, at: now },
  class: PRIORITIES.indexOf(priority),
});

/** Undefined where it is not known: it never came, or has long been gone. */
function whereIs({ waiting, slots, leaving, gone }: QueueState, run: string): 'begun' | 'waiting' | undefined {
  const isIt = (one: { run: string }): boolean => one.run === run;
  if (waiting.some(isIt)) return 'waiting';
  return slots.some(isIt) || leaving.some(isIt) || gone.includes(run) ? 'begun' : undefined;
}

function refused(state: QueueState, stay: number | undefined): EnqueueAnswer {
  state.counts.refused += 1;
  const one = stay === undefined ? RETRY_UNKNOWN_MS : stay / concurrencyOf(state);
  const retryAfterMs = Math.round(Math.min(RETRY_MOST_MS, Math.max(RETRY_LEAST_MS, one)));
  return { kind: 'full', depth: depthOf(state), retryAfterMs };
}

interface Place {
  position: number;
  ends: number;
  ms?: number;
  range?: WaitRange;
}

/** @param stay how long places are taken; undefined where nobody knows */
function placeAt(
  state: QueueState,
  position: number,
  { class: ofClass, at }: Pick<WaitingRun, 'class' | 'at'>,
  { now, stay }: { now: number; stay: number | undefined },
): Place {
  const { estimates, slots, settings } = state;
  const expected = expectedWait({ busy: slots.length, place: position, concurrency: concurrencyOf(state), stay });
  const ttlMs = settings.ttlMs === undefined ? Infinity : Math.max(0, at + settings.ttlMs - now);
  const range = rangeOf(estimates, expected, ofClass, ttlMs);
  return { position, ...expected, ...(range ? { range } : {}) };
}

function say(item: WaitingRun, { ends, ms, range }: Place): void {
  if (ms !== undefined && range) item.said = [ends, Math.round(ms), range.fromMs, range.toMs];
}

function shown(state: QueueState, { position, range }: Pick<Place, 'position' | 'range'>): QueuePlace {
  const degraded = degradedNow(state);
  return { position, ...(range ? { wait: range } : {}), ...(degraded ? { degraded } : {}) };
}

/** All steps that hold for how full the queue is, as one: what a later one says counts. */
export function degradedNow(state: QueueState): DegradeStep | undefined {
  const part = state.waiting.length / depthOf(state);
  const steps = state.settings.degrade.filter(({ above }) => part > above);
  return steps.reduce<DegradeStep | undefined>((all, step) => {
    const limits = { ...all?.limits, ...step.limits };
    return { ...all, ...step, ...(Object.keys(limits).length > 0 ? { limits } : {}) };
  }, undefined);
}

/** Undefined where it neither waits nor has left lately. */
export function placeOf(state: QueueState, run: string, now: number): QueuePlace | undefined {
  const turns = turnsOf(state.turns, state.waiting, state.settings);
  const turn = turns.find(({ item }) => item.run === run);
  const told = { now, stay: stayNow(state, now) };
  if (turn) return shown(state, placeAt(state, placeAmong(turns, turn), turn.item, told));
  return whereIs(state, run) ? { position: 0 } : undefined;
}

/** What would be said to a run of the middle class that came now. */
export const nextPlace = (state: QueueState, now: number): QueuePlace => {
  const ofClass = PRIORITIES.indexOf('normal');
  const ahead = state.waiting.filter((item) => item.class <= ofClass).length;
  return shown(state, placeAt(state, ahead + 1, { class: ofClass, at: now }, { now, stay: stayNow(state, now) }));
};

const stayNow = ({ estimates, slots }: QueueState, now: number): number | undefined => stayMs(estimates, slots, now);

export const freePlaces = (state: QueueState): number => Math.max(0, concurrencyOf(state) - state.slots.length);

export const mayStart = (state: QueueState): boolean => state.waiting.length > 0 && freePlaces(state) > 0;

/** Takes the next runs out of the line: each has a place from now on. */
export function takeNext(state: QueueState, now: number): RunSlot[] {
  const count = Math.min(STARTS_MOST, freePlaces(state));
  const step = degradedNow(state);
  const isDegraded = step?.limits !== undefined || step?.route !== undefined;
  const turns = firstOf(turnsOf(state.turns, state.waiting, state.settings), count);
  const taken = new Set(turns.map(({ item }) => item.run));
  state.waiting = state.waiting.filter(({ run }) => !taken.has(run));
  takeTurns(state.turns, turns, state.waiting, state.settings);
  const slots = turns.map(({ item }: Turn): RunSlot => {
    learn(state, item, now);
    return { run: item.run, at: now, starting: true, ...(isDegraded ? { step } : {}) };
  });
  state.slots.push(...slots);
  state.counts.begun += slots.length;
  if (isDegraded) state.counts.degraded += slots.length;
  return slots;
}

function learn({ estimates, counts }: QueueState, { class: ofClass, at, said }: WaitingRun, now: number): void {
  const isWithin = said && takeWait(estimates, ofClass, said, { waitedMs: now - at, now });
  if (isWithin === undefined) return;
  counts.told += 1;
  if (isWithin) counts.within += 1;
}

/** What became of runs that were to start. One that has ended meanwhile has been heard of. */
export function takeStarted(state: QueueState, started: readonly StartedRun[], now: number): void {
  for (const { run, kind } of started) {
    const slot = state.slots.find((one) => one.run === run);
    if (!slot) continue;
    if (kind === 'started') delete slot.starting;
    else leave(state, slot, now, false);
  }
}

/** @param endedAt by its own clock, where that is known. @returns false where it has no place: it was heard of before, or is not from here */
export function takeEnd(state: QueueState, run: string, now: number, endedAt = now): boolean {
  const slot = state.slots.find((one) => one.run === run);
  if (!slot) return false;
  leave(state, slot, Math.min(now, Math.max(slot.at, Number.isFinite(endedAt) ? endedAt : now)), true);
  return true;
}

/** @param isStay whether the time that it had its place says something of others */
function leave(state: QueueState, slot: RunSlot, now: number, isStay: boolean): void {
  state.slots = state.slots.filter((one) => one !== slot);
  if (isStay) takeStay(state.estimates, slot.at, now);
  forget(state, [slot.run]);
}

function forget(state: QueueState, runs: readonly string[]): void {
  state.gone = [...state.gone, ...runs].slice(-GONE_KEPT);
}

export function withdraw(state: QueueState, { run, failure }: WithdrawRequest, now: number): WithdrawAnswer {
  const item = state.waiting.find((one) => one.run === run);
  if (!item) return whereIs(state, run) ? 'begun' : 'unknown';
  state.waiting = state.waiting.filter((one) => one !== item);
  // All that leave go into one activity, which has room for so much.
  const message = failure.message.slice(0, REASON_CHARS);
  state.leaving.push({ run, at: now, outcome: 'cancelled', failure: { type: failure.type, message } });
  state.counts.withdrawn += 1;
  return 'withdrawn';
}

/** Those whose time is up leave the line. */
export function expire(state: QueueState, now: number): void {
  const { ttlMs } = state.settings;
  if (ttlMs === undefined) return;
  const isOver = ({ at }: WaitingRun): boolean => at + ttlMs <= now;
  const over = state.waiting.filter(isOver);
  if (over.length === 0) return;
  state.waiting = state.waiting.filter((item) => !isOver(item));
  state.counts.expired += over.length;
  const seconds = Math.round(ttlMs / 1_000);
  state.leaving.push(
    ...over.map(({ run }): LeavingRun => ({
      ...{ run, at: now, outcome: 'failed' },
      failure: {
        type: 'Queue.Expired',
        message: `it has waited in the queue ${state.queue} for ${seconds} s, which is as long as a run may.`,
      },
    })),
  );
}

export const leavingNow = ({ leaving }: QueueState): LeavingRun[] => leaving.slice(0, STARTS_MOST);

/** Their records say that they have ended. */
export function takeLeft(state: QueueState, left: readonly LeavingRun[]): void {
  const runs = new Set(left.map(({ run }) => run));
  state.leaving = state.leaving.filter(({ run }) => !runs.has(run));
  forget(state, [...runs]);
}
