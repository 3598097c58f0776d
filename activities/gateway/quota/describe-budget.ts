// An exhausted budget in words.
import { NANO_A_MICRO, usdText } from '../../../workflows/contract/cost';
import type { BudgetLeft } from '../../../workflows/contract/quota';
import { describePeriod } from './describe-limit';

/** What is left of a limit, with what goes on given back, is not enough for a request. */
export class BudgetExhausted extends Error {
  override readonly name = 'BudgetExhausted';
  /** @param until when there is probably room: milliseconds since the epoch */
  constructor(
    readonly limit: BudgetLeft,
    readonly until: number,
  ) {
    super('exhausted');
  }
}

interface Exhausted {
  tenant: string;
  route: string;
  limit: BudgetLeft;
  needed: number;
  until: number | undefined;
  now: number;
}

export function describeExhausted({ tenant, route, limit, needed, until, now }: Exhausted): string {
  const { of, perMs, most, left } = limit;
  const amount = (value: number): string => (of === 'usd' ? usdText(value * NANO_A_MICRO) : String(Math.ceil(value)));
  const what = of === 'usd' ? '' : ` ${of}`;
  const period = describePeriod(perMs);
  if (needed > most)
    return `the next request to ${route} takes at least ${amount(needed)}${what}, more than tenant ${tenant} may use ${period}: ${amount(most)}${what}.`;
  const returns = until !== undefined && until > now ? ` Room for it returns by ${minuteOf(until)}.` : '';
  // Answers may have taken more than was expected of them, so that more than all is used.
  const used = left > 0 ? `${amount(most - left)} are used` : 'all of it is used';
  return `tenant ${tenant} may use ${amount(most)}${what} ${period}, and ${used}: the next request to ${route} takes at least ${amount(needed)}.${returns}`;
}

/** To the minute, rounded up. */
function minuteOf(ms: number): string {
  const iso = new Date(Math.ceil(ms / 60_000) * 60_000).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}
