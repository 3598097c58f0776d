// How long what could not be given will probably wait: for a line that is told, and for runs that sleep meanwhile.
import { add, sum, times } from '../contract/amounts';
import type { LeaseAnswer, LedgerState, QuotaLimits } from '../contract/quota';
import { roomIn, waitFor, type Room } from './room';
import type { Claim } from './share';

export function waitsOf(
  state: LedgerState,
  { room, mine, claims, limits }: { room: Room; mine: Claim[]; claims: Claim[]; limits: QuotaLimits },
): LeaseAnswer['waits'] {
  if (mine.every(({ left }) => left === 0)) return mine.map(() => ({ firstMs: 0, lastMs: 0 }));
  // What was set aside for others is still ahead; it is in their claims, given or not.
  const now = roomIn(state, limits, room.now);
  return mine.map((claim) => {
    if (claim.left === 0) return { firstMs: 0, lastMs: 0 };
    const ofClass = claim.share.class;
    const isOthers = (other: Claim): boolean => other.worker !== claim.worker;
    const waits = (other: Claim) => (isOthers(other) ? add(other.leftAmounts, other.givenAmounts) : other.leftAmounts);
    const before = sum([
      ...claims.filter(({ share }) => share.class < ofClass).map(waits),
      ...state.away.filter((away) => away.class < ofClass).map(({ amounts }) => amounts),
    ]);
    const beside = claims.filter(({ share }) => share.class === ofClass);
    const tenants = new Map(beside.map(({ share }) => [share.tenant, share.weight]));
    const weights = [...tenants.values()].reduce((total, weight) => total + weight, 0);
    const same = sum([
      ...beside.map(waits),
      ...state.away.filter((away) => away.class === ofClass).map(({ amounts }) => amounts),
    ]);
    const fair = times(waits(claim), weights / claim.share.weight);
    const last = same.map((amount, at) => (tenants.size > 1 ? Math.min(amount, fair[at] ?? amount) : amount));
    const one = times(claim.leftAmounts, 1 / claim.left);
    const first = waitFor(now, add(before, one));
    const { ms, by } = waitFor(now, add(before, last));
    const roomMs = Math.round(waitFor(now, one).ms);
    return { firstMs: Math.round(first.ms), lastMs: Math.round(ms), roomMs, ...(by ? { by } : {}) };
  });
}
