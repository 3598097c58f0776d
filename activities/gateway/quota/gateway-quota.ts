// The quota of each model, as the gateway asks for it: at once where a lease is held, after a short wait, or as a wait of the workflow.
import { createHash } from 'node:crypto';
import type { Usage } from '../../../workflows/contract/message';
import {
  DIMENSIONS,
  PRIORITIES,
  type Amounts,
  type LeaseAnswer,
  type LeaseRequest,
  type QuotaLimits,
  type WaitsBy,
} from '../../../workflows/contract/quota';
import { failure } from '../../failure';
import { ModelWaitError } from '../../model/model-wait-error';
import type { Admission, Caller, Expected, Quota } from '../ports';
import { describeLimit, describeWait } from './describe-limit';
import type { Spent } from './lease-pool';
import { createLessor, type Clock, type Lessor } from './lessor';
import { createReserving, type PriceOf, type Reserve, type Reserving } from './reserve';
import type { Waiter } from './waiting-line';

export interface QuotaSettings {
  limits: QuotaLimits;
  reserve: Reserve;
  /** A request that would wait for longer is shed. Milliseconds. */
  patienceMs: number;
  /** By tenant. @default 1 */
  weights: { readonly [tenant: string]: number };
  /** Names the key that the limits are of. */
  key: string;
}

export interface GatewayQuotaOptions {
  /** By `provider/model`. A model that is not here is not limited. */
  quotas: { readonly [route: string]: QuotaSettings };
  /** Tells this process from others, and from its own earlier lives. */
  worker: string;
  /** @throws when the quota does not answer */
  ask(route: string, settings: QuotaSettings, request: LeaseRequest): Promise<LeaseAnswer>;
  priceOf?: PriceOf;
  /** Milliseconds since the epoch: used until the quota has told its own time. */
  now(): number;
  /** @default the process's */
  clock?: Clock;
  /** @default SHORT_WAIT_MS */
  shortWaitMs?: number;
}

/** Longer ones are slept in the workflow, outside of any slot. */
export const SHORT_WAIT_MS = 3_000;
const KEY_CHARS = 8;

/** Names a key by where it comes from, never by what it is. */
export const keyNameOf = (keyFrom: string): string =>
  createHash('sha256').update(keyFrom).digest('hex').slice(0, KEY_CHARS);

export const STEADY: Clock = {
  now: () => performance.now(),
  after(ms, work) {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
};

const FREE: Admission = { settle: () => undefined, release: () => undefined };

export interface GatewayQuota extends Quota {
  stop(): void;
}

export function createGatewayQuota(options: GatewayQuotaOptions): GatewayQuota {
  const { quotas, worker, ask, priceOf, now, clock = STEADY, shortWaitMs = SHORT_WAIT_MS } = options;
  const open = new Map<string, { lessor: Lessor; reserving: Reserving; settings: QuotaSettings }>();
  const openOf = (route: string, settings: QuotaSettings) => {
    const known = open.get(route);
    if (known) return known;
    const { limits, weights, reserve } = settings;
    const made = {
      settings,
      reserving: createReserving(route, reserve, priceOf),
      lessor: createLessor({
        worker,
        limits,
        clock,
        shortWaitMs,
        ask: (request) => ask(route, settings, request),
        weightOf: (tenant) => (Object.hasOwn(weights, tenant) ? (weights[tenant] ?? 1) : 1),
        sentAway: (waiter, wait) => sentAway(route, settings, waiter, wait),
      }),
    };
    open.set(route, made);
    return made;
  };
  const sentAway = (
    route: string,
    { patienceMs, limits }: QuotaSettings,
    { since }: Waiter,
    { ms, by }: { ms: number; by?: WaitsBy | 'silence' },
  ): Error => {
    const text = describeWait(route, limits, by);
    const already = clock.now() - since;
    if (by !== 'silence' && already + ms > patienceMs) {
      const waited = already < 1_000 ? '' : `, after ${Math.round(already / 1_000)} s`;
      return failure(
        'Model.QuotaShed',
        `${text}: it would wait ${Math.round(ms / 1_000)} s${waited}, and patience ends at ${Math.round(patienceMs / 1_000)} s.`,
      );
    }
    const quotaNow = open.get(route)?.lessor.quotaTime() ?? now();
    return new ModelWaitError(Math.round(quotaNow + ms), `${text}; it waits some ${Math.ceil(ms / 1_000)} s`);
  };

  return {
    async admit(route, expected, caller) {
      const settings = Object.hasOwn(quotas, route) ? quotas[route] : undefined;
      if (!settings) return FREE;
      const { lessor, reserving } = openOf(route, settings);
      const amounts = reservedOf(route, settings, reserving, { expected, caller });
      const ofClass = PRIORITIES.indexOf(caller.priority ?? 'normal');
      const held = lessor.takeNow({ amounts, class: ofClass });
      const spent = held ?? (await waited(lessor, { amounts, class: ofClass, caller }));
      return admission(lessor, reserving, { spent, caller, tasks: expected.tasks ?? 1 });
    },
    stop() {
      for (const { lessor } of open.values()) lessor.stop();
    },
  };

  function waited(
    lessor: Lessor,
    { amounts, class: ofClass, caller }: { amounts: Amounts; class: number; caller: Caller },
  ): Promise<Spent> {
    return new Promise((resolve, reject) => {
      const arrivedAt = clock.now();
      const since = caller.waitingSince;
      const before = since === undefined ? 0 : Math.max(0, (lessor.quotaTime() ?? now()) - since);
      const over = (): void => caller.signal.removeEventListener('abort', cancelled);
      const waiter: Waiter = {
        ...{ amounts, class: ofClass, tenant: caller.tenant, since: arrivedAt - before, arrivedAt },
        patienceMs: Math.min(shortWaitMs, caller.patienceMs ?? Infinity),
        admit: (spent) => {
          over();
          resolve(spent);
        },
        refuse: (error) => {
          over();
          reject(error);
        },
      };
      const cancelled = (): void => {
        lessor.leave(waiter);
        waiter.refuse(caller.signal.reason);
      };
      if (caller.signal.aborted) return reject(caller.signal.reason);
      caller.signal.addEventListener('abort', cancelled, { once: true });
      lessor.wait(waiter);
    });
  }
}

/** @throws ApplicationFailure where no wait would help */
function reservedOf(
  route: string,
  { limits }: QuotaSettings,
  reserving: Reserving,
  { expected, caller }: { expected: Expected; caller: Caller },
): Amounts {
  const amounts = reserving.reserved(expected, caller);
  if (!amounts)
    throw failure(
      'Model.BadRequest',
      `the quota of ${route} reserves strictly, and agent ${caller.agent} sets no maxOutputTokens: set it, or reserve: 'learned'.`,
    );
  const small = limits.windows.find(({ of, most }) => (amounts[DIMENSIONS.indexOf(of)] ?? 0) > most);
  // As a provider refuses it: a shorter conversation may fit.
  if (small)
    throw failure(
      'Model.ContextTooLong',
      `the request needs ${amounts[DIMENSIONS.indexOf(small.of)] ?? 0}, more than the quota of ${route} ever has: ${describeLimit(small)}.`,
    );
  return amounts;
}

function admission(
  lessor: Lessor,
  reserving: Reserving,
  { spent, caller, tasks }: { spent: Spent; caller: Caller; tasks: number },
): Admission {
  let isOpen = true;
  let isRefused = false;
  const end = (change: Amounts): void => {
    if (!isOpen) return;
    isOpen = false;
    lessor.ended(spent, change);
  };
  const but = (taken: Amounts): number[] => DIMENSIONS.map((_, nth) => (taken[nth] ?? 0) - (spent.amounts[nth] ?? 0));
  return {
    settle(usage) {
      // Refused, it took no tokens; as a request it may have counted.
      if (!usage) return end(isRefused ? but([1]) : []);
      end(but(reserving.taken(sane(usage, spent), caller, tasks)));
    },
    release: () => end(but([])),
    told(told) {
      if (told.refused !== undefined) isRefused = true;
      lessor.told(told);
    },
  };
}

/** A provider that reports nonsense is not believed: what was reserved counts. */
function sane(usage: Usage, { amounts }: Spent): Usage {
  const isNumber = (value: number): boolean => Number.isFinite(value) && value >= 0;
  const [, , input = 0, output = 0] = amounts;
  return {
    ...usage,
    input: isNumber(usage.input) ? usage.input : input,
    output: isNumber(usage.output) ? usage.output : output,
  };
}
