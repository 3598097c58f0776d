// What all runs of a tenant may use within a day: reserved before a request is sent, from the leases that this worker holds of the tenant's
// budget, settled by what its answer took. Nobody waits until room returns: a run whose tenant has none left ends.
import { NANO_A_MICRO } from '../../../workflows/contract/cost';
import type { TenantLeft } from '../../../workflows/contract/run';
import { add, minus } from '../../../workflows/contract/amounts';
import {
  amountOf,
  PRIORITIES,
  type Amounts,
  type BudgetLeft,
  type LeaseAnswer,
  type LeaseRequest,
  type QuotaLimits,
} from '../../../workflows/contract/quota';
import { failure } from '../../failure';
import { ModelWaitError } from '../../model/model-wait-error';
import { CAPPED_BELOW_TOKENS, OUTPUT_LEAST_TOKENS, priceUnknown } from '../money/allowance';
import { isPriced, type Prices } from '../money/prices';
import type { Admission, Caller, Expected } from '../ports';
import type { Clock } from './alarm';
import { BudgetExhausted, describeExhausted } from './describe-budget';
import { STEADY } from './gateway-quota';
import type { Spent } from './lease-pool';
import { createLessor, type Lessor } from './lessor';
import { mostOutputWithin } from './output-within';
import { createReserving, type Reserving } from './reserve';
import { saneUsage } from './sane-usage';
import { waitInLine } from './wait-in-line';

/** Windows of a day; undefined where nothing is limited. */
export interface BudgetSettings {
  /** Of each tenant that is not named. */
  default: QuotaLimits | undefined;
  /** By name. */
  tenants: { readonly [tenant: string]: QuotaLimits | undefined };
}

export interface TenantBudgetsOptions {
  budgets: BudgetSettings;
  /** Tells this process from others, and from its own earlier lives. */
  worker: string;
  /** @throws when the budget does not answer */
  ask(tenant: string, request: LeaseRequest): Promise<LeaseAnswer>;
  prices: Prices;
  /** Milliseconds since the epoch: used until the budget has told its own time. */
  now(): number;
  /** @default the process's */
  clock?: Clock;
}

export interface TenantBudgets {
  /**
   * @returns undefined where nothing of the tenant is limited
   * @throws ApplicationFailure `Budget.TenantExhausted`, `Model.PriceUnknown`; ModelWaitError where requests under way hold what is left
   */
  reserve(route: string, expected: Expected, caller: Caller): Promise<Admission | undefined>;
  left(tenant: string): TenantLeft[];
  /** As of a quota. */
  finish(): Promise<void>;
  stop(): void;
}

export const limitsOfTenant = (
  { default: ofOthers, tenants }: BudgetSettings,
  tenant: string,
): QuotaLimits | undefined => (Object.hasOwn(tenants, tenant) ? tenants[tenant] : ofOthers);

/** What goes on is told so seldom: nobody waits for a day's room as for a minute's. */
const TELL_MS = 5_000;
/** Unless others may wait for it: of a limit, where less than the one part is left, or more than the other is settled. */
const NEAR = 0.2;
const MUCH = 0.02;
const SHORT_WAIT_MS = 1_500;
/** A worker with requests under way hears it far more often. */
const LEFT_HOLDS_MS = 60_000;
/** Of a window, with what it counts longer: by then all that is used has returned, however many are refused beside this one. */
const ALL_RETURNED = 241 / 240;
/** Until requests under way have given back what they did not take. */
const COME_BACK_MS = 5_000;
/** What is reserved of a guess: as of a quota that says nothing of it. */
const RESERVE = { kind: 'learned', quantile: 0.95 } as const;

interface Open {
  tenant: string;
  limits: QuotaLimits;
  lessor: Lessor;
  clock: Clock;
  shortWaitMs: number;
  /** As the budget has told it last, less what was taken here since it was asked. */
  left: BudgetLeft[];
  heardAt: number;
  /** Taken since the newest question was asked, which tells what was taken before it. */
  untold: { seq: number; took: Amounts };
  time(): number;
}

export function createTenantBudgets(options: TenantBudgetsOptions): TenantBudgets {
  const open = new Map<string, Open>();
  const reservings = new Map<string, Reserving>();
  const reservingOf = (route: string): Reserving => {
    const known = reservings.get(route) ?? createReserving(route, RESERVE, options.prices);
    reservings.set(route, known);
    return known;
  };
  return {
    async reserve(route, expected, caller) {
      const { tenant } = caller;
      const limits = limitsOfTenant(options.budgets, tenant);
      if (!limits) return undefined;
      requirePrice(options.prices, route, { tenant, limits });
      const budget = open.get(tenant) ?? opened(options, tenant, limits);
      open.set(tenant, budget);
      const wanting = { route, expected, caller, reserving: reservingOf(route), prices: options.prices };
      const { spent, outputMost } = await taken(budget, wanting);
      return admission(budget, wanting, spent, outputMost);
    },
    left: (tenant) => (open.get(tenant)?.left ?? []).flatMap(shown),
    async finish() {
      await Promise.all(Array.from(open.values(), ({ lessor }) => lessor.finish()));
    },
    stop() {
      for (const { lessor } of open.values()) lessor.stop();
    },
  };
}

const shown = ({ of, most, left }: BudgetLeft): TenantLeft[] => {
  if (of === 'tokens') return [{ of, most, left: Math.max(0, Math.round(left)) }];
  const nano = (micro: number): number => Math.max(0, Math.round(micro * NANO_A_MICRO));
  return of === 'usd' ? [{ of, most: nano(most), left: nano(left) }] : [];
};

/** An unknown price is not zero: the budget would be kept by nobody. */
function requirePrice(prices: Prices, route: string, { tenant, limits }: Pick<Open, 'tenant' | 'limits'>): void {
  const isLimited = limits.windows.some(({ of }) => of === 'usd');
  if (isLimited && !isPriced(prices, route))
    throw failure('Model.PriceUnknown', priceUnknown(route, `usdPerDay of tenant ${tenant}`));
}

function opened({ worker, ask, now, clock = STEADY }: TenantBudgetsOptions, tenant: string, limits: QuotaLimits): Open {
  const lessor = createLessor({
    ...{ worker, limits, clock, shortWaitMs: SHORT_WAIT_MS },
    ask: (request) => {
      // The same one again tells no more than the first time.
      if (request.seq !== budget.untold.seq) budget.untold = { seq: request.seq, took: [] };
      return ask(tenant, request);
    },
    weightOf: () => 1,
    sentAway: (_, { by }) => {
      const why =
        by === 'silence'
          ? `the budget of tenant ${tenant} does not answer`
          : `calls under way hold what is left of the budget of tenant ${tenant}`;
      return { error: new ModelWaitError(Math.round(budget.time() + COME_BACK_MS), why), comesBack: false };
    },
    budget: {
      tellMs: TELL_MS,
      tellsSoon: (change) =>
        budget.left.some(
          ({ of, most, left }) => left < NEAR * most || Math.abs(amountOf(change, { of })) > MUCH * most,
        ),
      heard: (left) => {
        budget.left = lessened(left, budget.untold.took);
        budget.heardAt = clock.now();
      },
      covers: (amounts) => budget.left.every(({ of, left }) => amountOf(amounts, { of }) <= left),
      hopeless: ({ amounts }, { ms }) => {
        const limit = budget.left.find(({ of, left }) => amountOf(amounts, { of }) > left);
        return (
          limit && new BudgetExhausted(limit, Math.round(budget.time() + Math.min(ms, limit.perMs * ALL_RETURNED)))
        );
      },
    },
  });
  const budget: Open = {
    ...{
      tenant,
      limits,
      lessor,
      clock,
      shortWaitMs: SHORT_WAIT_MS,
      left: wholeOf(limits),
      heardAt: clock.now(),
      untold: { seq: 0, took: [] },
    },
    time: () => lessor.quotaTime() ?? now(),
  };
  return budget;
}

/** Until the budget has told it: a request is never larger than all of it. */
const wholeOf = ({ windows }: QuotaLimits): BudgetLeft[] => windows.map((limit) => ({ ...limit, left: limit.most }));

const lessened = (left: readonly BudgetLeft[], took: Amounts): BudgetLeft[] =>
  left.map((one) => ({ ...one, left: one.left - amountOf(took, one) }));

interface Wanting {
  route: string;
  expected: Expected;
  caller: Caller;
  reserving: Reserving;
  prices: Prices;
}

interface Wanted {
  amounts: Amounts;
  /** Of an answer that what is left bounds. */
  outputMost?: number;
}

/** @throws ApplicationFailure, ModelWaitError */
async function taken(budget: Open, wanting: Wanting): Promise<{ spent: Spent; outputMost?: number }> {
  const ofClass = PRIORITIES.indexOf(wanting.caller.priority ?? 'normal');
  // What was left then does not bound an answer of now; what is, the budget tells when it is asked.
  if (budget.clock.now() - budget.heardAt > LEFT_HOLDS_MS) budget.left = wholeOf(budget.limits);
  let wanted = wantedOf(budget, wanting);
  for (;;) {
    const { amounts, outputMost } = wanted;
    requirePossible(budget, wanting, amounts);
    const most = outputMost === undefined ? {} : { outputMost };
    const held = budget.lessor.takeNow({ amounts, class: ofClass });
    if (held) return { spent: held, ...most };
    try {
      return { spent: await waitInLine(budget, { amounts, class: ofClass, caller: wanting.caller }), ...most };
    } catch (error) {
      if (!(error instanceof BudgetExhausted)) throw error;
      // What is left is known now: a shorter answer may have room.
      const smaller = wantedOf(budget, wanting);
      if (!isSmaller(smaller, wanted)) throw exhausted(budget, wanting, { amounts, ...error });
      wanted = smaller;
    }
  }
}

const isSmaller = (one: Wanted, other: Wanted): boolean =>
  one.outputMost !== undefined && one.outputMost < (other.outputMost ?? Infinity);

function wantedOf({ left, limits }: Open, { route, expected, caller, reserving, prices }: Wanting): Wanted {
  const { input, outputCap = Infinity, tasks = 1 } = expected;
  const usual = reserving.reserved(expected, caller) ?? reserving.amounts(input, 0);
  const within = (of: readonly BudgetLeft[]): number =>
    tasks > 1 ? Infinity : mostOutputWithin(of, { route, input, prices });
  const known = within(left);
  // Where nothing is left it is asked for as by the first of a day: only the budget knows for certain.
  const most = known >= OUTPUT_LEAST_TOKENS || !beyond(limits, usual) ? known : within(wholeOf(limits));
  const isShort = most < CAPPED_BELOW_TOKENS || most < amountOf(usual, { of: 'output' });
  if (!isShort || most < OUTPUT_LEAST_TOKENS) return { amounts: usual };
  // Then all of it is reserved: what is left is never passed.
  const amounts = reserving.amounts(input, Math.min(most, outputCap));
  return { amounts, ...(most < outputCap ? { outputMost: most } : {}) };
}

const beyond = ({ windows }: QuotaLimits, amounts: Amounts): QuotaLimits['windows'][number] | undefined =>
  windows.find(({ of, most }) => amountOf(amounts, { of }) > most);

/** @throws ApplicationFailure where no wait would help */
function requirePossible(budget: Open, wanting: Wanting, amounts: Amounts): void {
  const limit = beyond(budget.limits, amounts);
  if (limit) throw exhausted(budget, wanting, { amounts, limit: { ...limit, left: limit.most } });
}

const exhausted = (
  { tenant, time }: Open,
  { route, expected: { input, outputCap = Infinity, tasks = 1 }, reserving }: Wanting,
  { amounts, limit, until }: { amounts: Amounts; limit: BudgetLeft; until?: number },
): Error => {
  // A shorter answer would have been asked for: what is missing is room for the least one.
  const least = tasks > 1 ? amounts : reserving.amounts(input, Math.min(OUTPUT_LEAST_TOKENS, outputCap));
  const needed = amountOf(least, limit);
  return failure('Budget.TenantExhausted', describeExhausted({ tenant, route, limit, needed, until, now: time() }));
};

function admission(
  budget: Open,
  { expected: { tasks = 1 }, caller, reserving }: Wanting,
  spent: Spent,
  outputMost: number | undefined,
): Admission {
  let isOpen = true;
  const end = (took: Amounts): void => {
    if (!isOpen) return;
    isOpen = false;
    const { seq, took: before } = budget.untold;
    budget.left = lessened(budget.left, took);
    budget.untold = { seq, took: add(before, took) };
    budget.lessor.ended(spent, minus(took, spent.amounts));
  };
  return {
    settle(told, paid = told) {
      if (paid === 'nothing') return end([1]);
      if (!paid) return end(spent.amounts);
      end(reserving.taken(saneUsage(paid, spent.amounts), caller, tasks));
    },
    release: () => end([]),
    ...(outputMost === undefined ? {} : { outputMost }),
  };
}
