// Three times a limit, offered by several processes unevenly, one of which is killed and one added meanwhile: what arrives at the provider.
import { setTimeout as pause } from 'node:timers/promises';
import { createGatewayQuota } from '../../activities/gateway/quota/gateway-quota';
import { lease, newLedger } from '../../workflows/quota/ledger';
import { script } from '../kit/model-server';
import { startQuotaFleet, type FleetProcess, type QuotaFleet } from '../stack/quota-fleet';
import { QUOTA_ROUTE } from '../stack/quota-route';

export interface QuotaOptions {
  of: 'requests' | 'tokens';
  reserve: 'strict' | 'learned';
  perMs: number;
  most: number;
  seconds: number;
  /** Parts of what is offered, a worker each. */
  offered: number[];
  isKilled: boolean;
}

const LONG = { perMs: 60_000, seconds: 180, offered: [0.45, 0.3, 0.15, 0.1], isKilled: true };
export const QUOTA_LONG: readonly QuotaOptions[] = [
  { ...LONG, of: 'requests', reserve: 'strict', most: 1_200 },
  { ...LONG, of: 'tokens', reserve: 'strict', most: 120_000 },
  { ...LONG, of: 'tokens', reserve: 'learned', most: 120_000 },
];
export const QUOTA_SHORT: readonly QuotaOptions[] = [
  { of: 'requests', reserve: 'strict', perMs: 6_000, most: 30, seconds: 15, offered: [0.7, 0.3], isKilled: false },
];

export interface QuotaFigures {
  arrived: number;
  refused: number;
  /** Within any window; and the least of those after the warm-up. */
  most: number;
  least: number;
}

interface OfferingWorker {
  worker: FleetProcess;
  /** Of what is offered. */
  part: number;
}

const INPUT = 50;
const OUTPUT_CAP = 100;
/** What an answer takes: less than its cap, so that reserving strictly has something to give back. */
const OUTPUT = 50;
const TIMES = 3;
const BURST_PART = 0.5;
const SECOND_MS = 1_000;

export async function quotaFigures(options: QuotaOptions): Promise<QuotaFigures> {
  const { of, reserve, perMs, most, seconds, offered, isKilled } = options;
  const amount = of === 'requests' ? 1 : INPUT + OUTPUT;
  const requestsPerMinute = ((most / amount) * 60_000) / perMs;
  const burst = Math.max(amount, (BURST_PART * most * SECOND_MS) / perMs);
  const fleet = await startQuotaFleet({
    ...{ window: { of, perMs, most, burst }, reserve, input: INPUT, outputCap: OUTPUT_CAP },
    model: {
      script: script().answer('Well.', { usage: { input: INPUT, output: OUTPUT } }),
      rateLimit: { requestsPerMinute, tokensPerMinute: 1e9, bySecond: true },
    },
  });
  const add = async (part: number): Promise<OfferingWorker> => {
    const worker = await fleet.add({ perSecond: (TIMES * part * requestsPerMinute) / 60 });
    return { worker, part };
  };
  try {
    const workers = await Promise.all(offered.map(add));
    const from = Date.now();
    if (isKilled) {
      await pause((seconds * SECOND_MS) / 2);
      const holder = await holderOf(fleet);
      const killed = workers.find(({ worker }) => worker.identity === holder) ?? workers[0];
      await killed?.worker.end('SIGKILL');
      await add(killed?.part ?? 0);
    }
    await pause(Math.max(0, from + seconds * SECOND_MS - Date.now()));
    const to = Date.now();
    const arrivals = await fleet.arrivals();
    const refused = arrivals.filter(({ isRefused }) => isRefused).length;
    return { arrived: arrivals.length, refused, ...windowsAt(arrivals, amount, { perMs, from, to }) };
  } finally {
    await fleet.close();
  }
}

/** The worker that has answered for the quota last: killed, it takes with it what another has to read again. */
async function holderOf(fleet: QuotaFleet): Promise<string | undefined> {
  const { events } = await fleet.workflow().fetchHistory();
  const started = events?.findLast(({ workflowTaskStartedEventAttributes: task }) => task?.identity);
  return started?.workflowTaskStartedEventAttributes?.identity ?? undefined;
}

/** By every window that ends with an arrival. The first one, and what two leases last, is the warm-up. */
function windowsAt(
  arrivals: readonly { at: number }[],
  amount: number,
  { perMs, from, to }: { perMs: number; from: number; to: number },
): { most: number; least: number } {
  let first = 0;
  let most = 0;
  let least = Infinity;
  arrivals.forEach(({ at }, nth) => {
    while ((arrivals[first]?.at ?? at) <= at - perMs) first += 1;
    // Just before it the window is at its emptiest.
    if (at > from + perMs + 4 * SECOND_MS && at <= to) least = Math.min(least, (nth - first) * amount);
    most = Math.max(most, (nth - first + 1) * amount);
  });
  return { most, least };
}

/** Milliseconds of each admission in a process that holds a lease. */
export async function admissions(samples: number): Promise<number[]> {
  const ledger = newLedger();
  const quota = createGatewayQuota({
    quotas: {
      [QUOTA_ROUTE]: {
        limits: { windows: [{ of: 'requests', perMs: 60_000, most: 1e9 }] },
        ...{ reserve: { kind: 'strict' }, patienceMs: 1_000, weights: {}, key: '' },
      },
    },
    ...{ worker: 'one', now: Date.now },
    ask: (_route, _settings, request) => Promise.resolve(lease(ledger, request, Date.now())),
  });
  const caller = { agent: 'a', release: 'r', tenant: 't', run: 'one', signal: new AbortController().signal };
  const taken: number[] = [];
  while (taken.length < samples) {
    const before = performance.now();
    const admission = await quota.admit(QUOTA_ROUTE, { input: INPUT, outputCap: OUTPUT_CAP }, caller);
    taken.push(performance.now() - before);
    admission.settle(undefined);
    if (taken.length % 10 === 0) await pause(10);
  }
  quota.stop();
  return taken;
}
