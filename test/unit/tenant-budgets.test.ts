// Needs: nothing. What all runs of a tenant may use within a day: who is let through, who is refused and why, and what is used in the end.
import { ApplicationFailure } from '@temporalio/common';
import { createPrices } from '../../activities/gateway/money/prices';
import { NO_QUOTA, type Admission, type Caller, type Expected } from '../../activities/gateway/ports';
import { withBudgets } from '../../activities/gateway/quota/budgeted-quota';
import { createTenantBudgets, type BudgetSettings } from '../../activities/gateway/quota/tenant-budgets';
import { afterFailure } from '../../activities/gateway/routing/failover';
import { ModelWaitError } from '../../activities/model/model-wait-error';
import type { Dimension, LedgerState, QuotaView } from '../../workflows/contract/quota';
import { lease, newLedger } from '../../workflows/quota/ledger';
import { viewOf } from '../../workflows/quota/view';
import { handClock } from './hand-clock';

const EPOCH = Date.UTC(2026, 10, 26, 12);
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const ROUTE = 'test/model';
const prices = createPrices({ prices: { [ROUTE]: { input: 1, cachedInput: 0.1, output: 10 } }, providers: [] });
const tokens = (most: number) => ({ windows: [{ of: 'tokens' as const, perMs: DAY_MS, most }] });
const usd = (most: number) => ({ windows: [{ of: 'usd' as const, perMs: DAY_MS, most: most * 1e6 }] });
const caller: Caller = {
  ...{ agent: 'greeter', release: 'r1', tenant: 'acme', run: 'run_1' },
  signal: new AbortController().signal,
};
const usage = (input: number, output: number, cachedInput = 0) => ({ input, output, cachedInput, reasoning: 0 });

/** Worker processes and the budgets of tenants, on one clock. */
function desk(budgets: Partial<BudgetSettings>, quota = NO_QUOTA) {
  const { pass, ...clock } = handClock();
  const ledgers = new Map<string, LedgerState>();
  const asked = { count: 0 };
  const silence = { isSilent: false };
  const ledgerOf = (tenant: string): LedgerState => {
    const known = ledgers.get(tenant) ?? newLedger();
    ledgers.set(tenant, known);
    return known;
  };
  const worker = (name: string) => {
    const tenants = createTenantBudgets({
      budgets: { default: undefined, tenants: {}, ...budgets },
      ...{ worker: name, prices, clock, now: () => EPOCH + clock.now() },
      ask: (tenant, request) => {
        if (silence.isSilent) return Promise.reject(new Error('silent'));
        asked.count += 1;
        const answer = lease(ledgerOf(tenant), structuredClone(request), EPOCH + clock.now());
        return Promise.resolve(structuredClone(answer));
      },
    });
    const budgeted = withBudgets(quota, tenants);
    const ask = (expected: Expected, changed: Partial<Caller> & { route?: string } = {}): Promise<Admission> => {
      const { route = ROUTE, ...of } = changed;
      return budgeted.admit(route, expected, { ...caller, ...of });
    };
    return {
      stop: () => tenants.stop(),
      finish: () => tenants.finish(),
      left: (tenant = 'acme') => tenants.left(tenant),
      ask,
      async admit(...of: Parameters<typeof ask>): Promise<Admission> {
        const admitted = ask(...of);
        admitted.catch(() => undefined);
        await pass(100);
        return await admitted;
      },
    };
  };
  return {
    ...{ pass, asked, silence, worker },
    one: worker('w1'),
    view: (tenant = 'acme'): QuotaView => viewOf(ledgerOf(tenant), tenant, EPOCH + clock.now()),
    async used(of: Dimension = 'tokens', tenant = 'acme'): Promise<number> {
      await pass(10_000);
      const limit = viewOf(ledgerOf(tenant), tenant, EPOCH + clock.now()).limits.find((one) => one.of === of);
      return (limit?.used ?? NaN) + (limit?.leased ?? NaN);
    },
  };
}

async function refusal(admitted: Promise<unknown>): Promise<{ type: string | null | undefined; message: string }> {
  const error: unknown = await admitted.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ApplicationFailure)) throw new Error(`it was not refused: ${String(error)}`);
  expect(error.nonRetryable).toBe(true);
  return { type: error.type, message: error.message };
}

test('a tenant is charged what answers took, whichever worker asked, and others nothing of it', async () => {
  const { one, worker, used } = desk({ default: tokens(100_000) });
  const two = worker('w2');
  (await one.admit({ input: 1_000, outputCap: 500 })).settle(usage(1_010, 40));
  (await two.admit({ input: 2_000 })).settle(usage(2_000, 700));
  (await two.admit({ input: 300 }, { tenant: 'globex' })).settle(usage(300, 1));
  expect(await used()).toBe(3_750);
  expect(await used('tokens', 'globex')).toBe(301);
});

test('money is charged at the price of the answer, what was read from a cache at its own', async () => {
  const { one, used } = desk({ tenants: { acme: usd(1) } });
  (await one.admit({ input: 100_000, outputCap: 1_000 })).settle(usage(100_000, 500, 90_000));
  expect(await used('usd')).toBeCloseTo((10_000 * 1 + 90_000 * 0.1 + 500 * 10) / 1, 3);
});

test.each([
  ['a request that was not sent', (admission: Admission) => admission.release(), 0],
  ['one that its provider refused', (admission: Admission) => admission.settle(undefined, 'nothing'), 0],
  ['one that broke off', (admission: Admission) => admission.settle(undefined, usage(900, 20)), 920],
  ['one of which nothing is known', (admission: Admission) => admission.settle(undefined), 1_500],
  ['nonsense', (admission: Admission) => admission.settle(usage(NaN, -1)), 1_500],
])('%s is charged as its run is', async (_, end, charged) => {
  const { one, used } = desk({ default: tokens(100_000) });
  end(await one.admit({ input: 1_000, outputCap: 500 }));
  expect(await used()).toBe(charged);
});

test('used up, a tenant is refused at once, with what it may use, and when there is room again; others go on', async () => {
  const { one, pass } = desk({ default: tokens(10_000) });
  (await one.admit({ input: 9_000, outputCap: 500 })).settle(usage(9_000, 500));
  const { type, message } = await refusal(one.admit({ input: 600 }));
  expect(type).toBe('Budget.TenantExhausted');
  expect(message).toMatch(
    /^tenant acme may use 10000 tokens a day, and 9500 are used: the next request to test\/model takes at least 616\. Room for it returns by 2026-11-27 12:0\d UTC\.$/,
  );
  (await one.admit({ input: 600 }, { tenant: 'globex' })).release();
  await pass(DAY_MS + HOUR_MS / 10 + 5_000);
  (await one.admit({ input: 600 })).release();
});

test('no other provider is asked instead: the tenant pays there too', () => {
  expect(afterFailure('Budget.TenantExhausted')).toBe('stop');
});

test('near its end answers are held to what is left, so that it is used and never passed', async () => {
  const { one, used } = desk({ default: tokens(10_000) });
  (await one.admit({ input: 5_000, outputCap: 100 })).settle(usage(5_000, 100));
  const admission = await one.admit({ input: 2_000, outputCap: 4_000 });
  expect(admission.outputMost).toBe(2_900);
  admission.settle(usage(2_000, 2_900));
  expect(await used()).toBe(10_000);
  expect((await refusal(one.admit({ input: 1 }))).type).toBe('Budget.TenantExhausted');
});

test('a worker that does not know what is left hears it, and asks for as long an answer as there is room for', async () => {
  const { one, worker, pass } = desk({ default: tokens(10_000) });
  (await one.admit({ input: 8_000, outputCap: 100 })).settle(usage(8_000, 100));
  await pass(500);
  const admission = await worker('w2').admit({ input: 500 });
  expect(admission.outputMost).toBe(1_400);
});

test('where a usual answer takes more than the whole budget, the first of the day is held to what there is room for', async () => {
  const { one } = desk({ default: tokens(3_000) });
  const admission = await one.admit({ input: 100 });
  expect(admission.outputMost).toBe(2_900);
});

test.each([
  ['a whole budget', 0],
  ['what is left of one', 15_000],
])('an answer that may be longer than %s is held to what there is room for, and not refused', async (_, before) => {
  const { one, used } = desk({ default: tokens(50_000) });
  if (before > 0) (await one.admit({ input: before, outputCap: 100 })).settle(usage(before, 0));
  const admission = await one.admit({ input: 1_000, outputCap: 64_000 });
  expect(admission.outputMost).toBe(49_000 - before);
  admission.settle(usage(1_000, 300));
  expect(await used()).toBe(before + 1_300);
});

test('a budget smaller than a usual answer is used again a day later, and meanwhile says what is used and when there is room', async () => {
  const { one, pass } = desk({ tenants: { acme: usd(0.01) } });
  (await one.admit({ input: 500 })).settle(usage(900, 950));
  const refused = Array.from({ length: 6 }, () => refusal(one.ask({ input: 500 })));
  await pass(3_000);
  for (const { message } of await Promise.all(refused))
    expect(message).toMatch(
      /^tenant acme may use \$0\.0100 a day, and all of it is used: the next request to test\/model takes at least \$0\.0007\. Room for it returns by 2026-11-27 12:0\d UTC\.$/,
    );
  await pass(DAY_MS + HOUR_MS);
  expect((await one.admit({ input: 500 })).outputMost).toBe(950);
});

test('what was left yesterday does not bound an answer of today', async () => {
  const { one, pass } = desk({ default: tokens(20_000) });
  (await one.admit({ input: 19_000, outputCap: 600 })).settle(usage(19_000, 600));
  const last = await one.admit({ input: 100 });
  expect(last.outputMost).toBe(300);
  last.settle(usage(100, 100));
  await pass(DAY_MS + HOUR_MS);
  expect((await one.admit({ input: 100 })).outputMost).toBeUndefined();
});

test('while calls under way may give something back nobody is refused: it waits, and says for what', async () => {
  const { one, worker, pass } = desk({ default: tokens(10_000) });
  const two = worker('w2');
  const first = await one.admit({ input: 1_000, outputCap: 8_500 });
  const waits = two.ask({ input: 1_000, outputCap: 1_000 }).catch((error: unknown) => error);
  await pass(6_000);
  const wait = await waits;
  if (!(wait instanceof ModelWaitError)) throw new Error(`it was to wait: ${String(wait)}`);
  expect(wait.message).toBe('calls under way hold what is left of the budget of tenant acme');
  const again = two.ask({ input: 1_000, outputCap: 1_000 });
  first.settle(usage(1_000, 10));
  await pass(2_000);
  (await again).settle(usage(1_000, 10));
});

test('a request larger than the whole budget is refused, and says so', async () => {
  const { one } = desk({ tenants: { acme: tokens(500) } });
  expect(await refusal(one.admit({ input: 600, outputCap: 10 }))).toEqual({
    type: 'Budget.TenantExhausted',
    message:
      'the next request to test/model takes at least 610 tokens, more than tenant acme may use a day: 500 tokens.',
  });
});

test('a budget in money refuses a model of unknown price, and one in tokens does not', async () => {
  const { one } = desk({ tenants: { acme: usd(5), globex: tokens(10_000) } });
  const { type, message } = await refusal(one.admit({ input: 1 }, { route: 'test/new' }));
  expect(type).toBe('Model.PriceUnknown');
  expect(message).toMatch(/^usdPerDay of tenant acme: nobody knows what test\/new costs\. Give its price/);
  (await one.admit({ input: 1 }, { route: 'test/new', tenant: 'globex' })).release();
});

test('a budget that does not answer lets nothing through, and who waits for it is told', async () => {
  const { one, pass, silence } = desk({ default: tokens(10_000) });
  silence.isSilent = true;
  const waits = one.ask({ input: 1 }).catch((error: unknown) => error);
  await pass(4_000);
  expect(String(await waits)).toContain('the budget of tenant acme does not answer');
});

test('what a killed worker had reserved counts: it may have been sent', async () => {
  const { one, worker, pass, used } = desk({ default: tokens(10_000) });
  await one.admit({ input: 4_000, outputCap: 1_000 });
  one.stop();
  await pass(200_000);
  const two = worker('w2');
  (await two.admit({ input: 100, outputCap: 100 })).settle(usage(100, 100));
  expect(await used()).toBe(5_200);
  expect((await refusal(two.admit({ input: 5_000, outputCap: 100 }))).type).toBe('Budget.TenantExhausted');
});

test('a tenant without a budget is not asked about, and where the provider’s quota refuses nothing is charged', async () => {
  const { one, asked, silence } = desk({ tenants: { globex: tokens(10), acme: undefined } });
  silence.isSilent = true;
  (await one.admit({ input: 1e9 })).settle(usage(1, 1));
  expect(asked.count).toBe(0);
  expect(one.left()).toEqual([]);
  const full = new Error('full');
  const refusing = desk({ default: tokens(10_000) }, { admit: () => Promise.reject(full) });
  await expect(refusing.one.admit({ input: 100, outputCap: 10 })).rejects.toBe(full);
  expect(await refusing.used()).toBe(0);
});

test('calls one after the other need no question each: what was learned of one is told with the next', async () => {
  const { one, asked, pass } = desk({ default: tokens(10_000_000) });
  for (let nth = 0; nth < 100; nth += 1) {
    (await one.admit({ input: 100, outputCap: 100 })).settle(usage(100, 10));
    await pass(100);
  }
  expect(asked.count).toBeLessThan(40);
});

test('what is left is told in tokens and in billionths of a dollar, by what the budget said and was settled since', async () => {
  const { one } = desk({ tenants: { acme: { windows: [...tokens(10_000).windows, ...usd(1).windows] } } });
  expect(one.left()).toEqual([]);
  (await one.admit({ input: 1_000, outputCap: 100 })).settle(usage(1_000, 100));
  expect(one.left()).toEqual([
    { of: 'tokens', most: 10_000, left: 8_900 },
    { of: 'usd', most: 1e9, left: 1e9 - 2_000_000 },
  ]);
});

test('a worker that stops gives back what it held, and tells what it has spent', async () => {
  const { one, view } = desk({ default: tokens(10_000_000) });
  for (let nth = 0; nth < 5; nth += 1) (await one.admit({ input: 100, outputCap: 100 })).settle(usage(100, 900));
  await one.finish();
  expect(view().limits).toMatchObject([{ used: 5_000, leased: 0, pending: 0 }]);
});

test('what answers took beyond what was reserved is not spent again from leases of before', async () => {
  const { one, pass } = desk({ default: tokens(100_000) });
  for (let nth = 0; nth < 3; nth += 1) {
    (await one.admit({ input: 100, outputCap: 100 })).settle(usage(100, 33_200));
    await pass(20);
  }
  expect(await refusal(one.admit({ input: 100, outputCap: 100 }))).toMatchObject({ type: 'Budget.TenantExhausted' });
});
