// Who is next: the more urgent class, then the tenant that was given least against its weight, then whoever waits longest.
import { NOTHING, add, minus, times } from '../contract/amounts';
import type { Amounts, LedgerState, QuotaLimits, WaitingShare } from '../contract/quota';
import { amountOf, AHEAD_CLASS } from '../contract/quota';
import { fits, take, type Room } from './room';

/** A tenant that has had nothing for so long begins like the others. */
const RESTED_MS = 60_000;
/** Many small requests are dealt out in as many steps. */
const STEPS = 256;

export interface Claim {
  worker: string;
  /** Place in that worker's `waiting`. */
  nth: number;
  share: WaitingShare;
  left: number;
  leftAmounts: Amounts;
  given: number;
  givenAmounts: Amounts;
}

export const claimsOf = (worker: string, waiting: readonly WaitingShare[]): Claim[] =>
  waiting.map((share, nth) => ({
    worker,
    nth,
    share,
    left: share.count,
    leftAmounts: share.all,
    given: 0,
    givenAmounts: NOTHING,
  }));

/** Deals out the room among all claims. Those of others are only set aside: they are given when their worker asks. */
export function deal(
  state: LedgerState,
  {
    room,
    claims,
    limits,
    caller,
    now,
  }: { room: Room; claims: Claim[]; limits: QuotaLimits; caller: string; now: number },
): void {
  const shares = new Map(state.shares.filter(({ at }) => at + RESTED_MS > now).map((one) => [one.key, { ...one }]));
  const total = claims.reduce((count, { left }) => count + left, 0);
  const step = Math.max(1, Math.ceil(total / STEPS));
  const real = new Map(shares);
  for (;;) {
    const claim = next(claims, shares);
    if (!claim) break;
    // The last few one by one, so that what is left of the room is used.
    const count = Math.min(claim.left, claim.given === 0 ? 1 : step);
    const [requests, amounts] = chunk(claim, count, room);
    if (requests === 0) break;
    take(room, amounts, requests);
    claim.left -= requests;
    claim.leftAmounts = minus(claim.leftAmounts, amounts);
    claim.given += requests;
    claim.givenAmounts = add(claim.givenAmounts, amounts);
    const key = keyOf(claim);
    const given = (shares.get(key)?.given ?? 0) + costOf(amounts, limits) / claim.share.weight;
    shares.set(key, { key, given, at: now });
    if (claim.worker !== caller) continue;
    const before = real.get(key)?.given ?? floorOf(claims, shares, claim);
    real.set(key, { key, given: before + costOf(amounts, limits) / claim.share.weight, at: now });
  }
  state.shares = [...real.values()];
}

function chunk(claim: Claim, count: number, room: Room): [number, Amounts] {
  for (const requests of count > 1 ? [count, 1] : [1]) {
    const amounts = unit(claim, requests);
    if (fits(room, amounts, requests)) return [requests, amounts];
  }
  return [0, NOTHING];
}

function unit({ share, given, left, leftAmounts }: Claim, count: number): Amounts {
  if (given === 0 && count === 1) return share.first;
  const [, ...others] = times(leftAmounts, count / left);
  return [count, ...others];
}

const keyOf = ({ share }: Claim): string => `${share.class}/${share.tenant}`;

/** The largest part of any limit that it takes. */
const costOf = (amounts: Amounts, { windows }: QuotaLimits): number =>
  Math.max(1e-9, ...windows.map((limit) => amountOf(amounts, limit) / limit.most));

function next(
  claims: readonly Claim[],
  shares: Map<string, { key: string; given: number; at: number }>,
): Claim | undefined {
  const open = claims.filter(({ left }) => left > 0);
  const first = Math.min(...open.map(({ share }) => share.class));
  const ofClass = open.filter(({ share }) => share.class === first);
  for (const claim of ofClass) {
    const key = keyOf(claim);
    if (!shares.has(key)) shares.set(key, { key, given: floorOf(ofClass, shares, claim), at: 0 });
  }
  const givenTo = (claim: Claim): number => (first === AHEAD_CLASS ? 0 : (shares.get(keyOf(claim))?.given ?? 0));
  return ofClass.reduce<Claim | undefined>((best, claim) => {
    if (!best) return claim;
    const by = givenTo(claim) - givenTo(best);
    return by < 0 || (by === 0 && ageOf(claim) > ageOf(best)) ? claim : best;
  }, undefined);
}

/** Requests come one after another, so the later of a share have waited for less. */
const ageOf = ({ share, left }: Claim): number => (share.ageMs * left) / share.count;

/** A newcomer begins with the least that another of its class has: what it did not use before is not saved up. */
function floorOf(
  claims: readonly Claim[],
  shares: ReadonlyMap<string, { given: number; at: number }>,
  { share }: Claim,
): number {
  const known = claims.flatMap((claim) =>
    claim.share.class === share.class ? [shares.get(keyOf(claim))?.given ?? Infinity] : [],
  );
  const least = Math.min(...known);
  return least === Infinity ? 0 : least;
}
