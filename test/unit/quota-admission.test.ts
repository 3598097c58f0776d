// Needs: nothing. What a request is told by its quota: at once, later, or never; and what becomes of what the provider says it took.
import { ApplicationFailure } from '@temporalio/common';
import { createPrices, type Prices } from '../../activities/gateway/money/prices';
import type { Admission, Caller, Expected } from '../../activities/gateway/ports';
import {
  createGatewayQuota,
  type GatewayQuota,
  type QuotaSettings,
} from '../../activities/gateway/quota/gateway-quota';
import { mayFitShorter } from '../../activities/gateway/quota/too-small';
import { ModelWaitError } from '../../activities/model/model-wait-error';
import type { LedgerState, WindowLimit } from '../../workflows/contract/quota';
import { lease, newLedger } from '../../workflows/quota/ledger';
import { viewOf } from '../../workflows/quota/view';
import { handClock } from './hand-clock';

const EPOCH = 1_700_000_000_000;
const ROUTE = 'test/model';
const TOKENS: WindowLimit = { of: 'tokens', perMs: 60_000, most: 10_000 };
const REQUESTS: WindowLimit = { of: 'requests', perMs: 60_000, most: 2 };
const settings = (changed: Partial<QuotaSettings>): QuotaSettings => ({
  limits: { windows: [TOKENS] },
  reserve: { kind: 'learned', quantile: 0.95 },
  patienceMs: 600_000,
  weights: {},
  key: 'k',
  ...changed,
});
const caller: Caller = {
  ...{ agent: 'greeter', release: 'r1', tenant: 'acme', run: 'run_1' },
  signal: new AbortController().signal,
};
const usage = (input: number, output: number) => ({ input, output, cachedInput: 0, reasoning: 0 });

interface Desk {
  quota: GatewayQuota;
  admit(expected: Expected, changed?: Partial<Caller>): Promise<Admission>;
  /** Of a limit, of which there is one as a rule: what counts now. */
  used(nth?: number): Promise<number>;
  /** Requests that the quota knows to be told to come back. */
  away(): number;
  pass(ms: number): Promise<void>;
  silence(): void;
}

/** One worker and its quota, on a clock that goes when it is told to. */
function desk(of: Partial<QuotaSettings>, prices?: Prices): Desk {
  const { pass, ...clock } = handClock();
  let isSilent = false;
  const state: LedgerState = newLedger();
  const quota = createGatewayQuota({
    quotas: { [ROUTE]: settings(of) },
    worker: 'w1',
    ...(prices ? { prices } : {}),
    now: () => EPOCH + clock.now(),
    clock,
    ask: (_, __, request) =>
      isSilent
        ? Promise.reject(new Error('silent'))
        : Promise.resolve(structuredClone(lease(state, structuredClone(request), EPOCH + clock.now()))),
  });
  return {
    quota,
    admit: (expected, changed) => quota.admit(ROUTE, expected, { ...caller, ...changed }),
    async used(nth = 0) {
      await pass(3_000);
      const limit = viewOf(state, ROUTE).limits[nth];
      return (limit?.used ?? NaN) + (limit?.leased ?? NaN);
    },
    away: () => viewOf(state, ROUTE, EPOCH + clock.now()).away,
    pass,
    silence: () => void (isSilent = true),
  };
}

async function refusal(admitted: Promise<unknown>): Promise<{ type: string | null | undefined; message: string }> {
  const { type, message } = await refused(admitted);
  return { type, message };
}

async function refused(admitted: Promise<unknown>): Promise<ApplicationFailure> {
  const error: unknown = await admitted.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ApplicationFailure)) throw new Error(`it was not refused: ${String(error)}`);
  return error;
}

test('what was reserved and not taken is given back, what was taken beyond counts', async () => {
  const { admit, pass, used } = desk({});
  const first = admit({ input: 100, outputCap: 1_000 });
  await pass(100);
  (await first).settle(usage(110, 40));
  expect(await used()).toBe(150);
  const second = admit({ input: 100, outputCap: 500 });
  await pass(100);
  (await second).settle(usage(1_900, 500));
  expect(await used()).toBe(2_550);
});

test.each([
  ['nothing', undefined, 1_100],
  ['less than nothing', usage(-500, -3), 1_100],
  ['what is no number', usage(NaN, Infinity), 1_100],
  ['a part that is nonsense', usage(90, -1), 1_090],
  ['more than any model takes', usage(1e15, 1e15), 1_100],
])('a provider that reports %s is not believed: what was reserved counts', async (_, told, counts) => {
  const { admit, pass, used } = desk({});
  const admitted = admit({ input: 100, outputCap: 1_000 });
  await pass(100);
  (await admitted).settle(told);
  expect(await used()).toBe(counts);
});

test('a request that was not sent takes nothing; ended twice, it is ended once', async () => {
  const { admit, pass, used } = desk({});
  const admitted = admit({ input: 100, outputCap: 1_000 });
  await pass(100);
  const admission = await admitted;
  admission.release();
  admission.settle(usage(100, 1_000));
  expect(await used()).toBe(0);
});

test('refused by its provider, it took no tokens', async () => {
  const { admit, pass, used } = desk({});
  const admitted = admit({ input: 100, outputCap: 1_000 });
  await pass(100);
  const admission = await admitted;
  admission.told?.({ refused: 1 });
  admission.settle(undefined);
  expect(await used()).toBe(0);
});

const DOLLARS: WindowLimit = { of: 'usd', perMs: 86_400_000, most: 50_000 };
const READS_LESS = 'give the model less to read';
const WRITES_LESS = 'set a smaller maxOutputTokens';
const EITHER = `${READS_LESS}, or ${WRITES_LESS}`;
const BOTH = `${READS_LESS} and ${WRITES_LESS}`;

test.each([
  [TOKENS, 9_500, 600, '10100', '10000 tokens a minute', EITHER, true],
  [TOKENS, 10_001, 600, '10601', '10000 tokens a minute', READS_LESS, true],
  [TOKENS, 20, 11_000, '11020', '10000 tokens a minute', WRITES_LESS, false],
  [TOKENS, 10_001, 10_001, '20002', '10000 tokens a minute', BOTH, false],
  [DOLLARS, 60_000, 10, 'up to 0.06001 USD', '0.05 USD a day', READS_LESS, false],
  [DOLLARS, 10, 60_000, 'up to 0.06001 USD', '0.05 USD a day', WRITES_LESS, false],
  [{ ...DOLLARS, most: 500 }, 300, 300, 'up to 0.0006 USD', '0.0005 USD a day', EITHER, false],
])('a request larger than %j is refused at once, and says so', async (limit, ...of) => {
  const [input, outputCap, needs, has, advice, shorterFits] = of;
  const prices = createPrices({ prices: { [ROUTE]: { input: 1, output: 1 } }, providers: [] });
  const { admit } = desk({ limits: { windows: [limit] } }, prices);
  const error = await refused(admit({ input, outputCap }));
  expect(error.type).toBe('Model.QuotaTooSmall');
  expect(error.message).toBe(
    `the request needs ${needs}, more than the quota of test/model ever has: ${has}. Raise it, or ${advice}.`,
  );
  // Less of a conversation would be let through, and cost a summary.
  expect(mayFitShorter(error)).toBe(shorterFits);
});

test.each([
  ['one that was not answered', 'nothing' as const, 0],
  ['one that broke off', usage(100, 5), 105],
  ['one of which nothing is known', undefined, 1_100],
])('%s counts in money as its run pays it', async (_, paid, counts) => {
  const prices = createPrices({ prices: { [ROUTE]: { input: 1, output: 1 } }, providers: [] });
  const { admit, pass, used } = desk({ limits: { windows: [DOLLARS, TOKENS] } }, prices);
  const admitted = admit({ input: 100, outputCap: 1_000 });
  await pass(100);
  (await admitted).settle(undefined, paid);
  expect(await used()).toBe(counts);
  expect(await used(1)).toBe(1_100);
});

test('a guess is never why a request is refused: it is held to what the limits have', async () => {
  const { admit, pass } = desk({ limits: { windows: [{ ...TOKENS, most: 3_000 }] } });
  const admitted = admit({ input: 1_000 });
  await pass(100);
  (await admitted).settle(usage(1_000, 10));
  expect((await refusal(admit({ input: 3_001 }))).type).toBe('Model.QuotaTooSmall');
});

test('nor is what a guess would cost: a short answer of a dear model has room in a day’s money', async () => {
  const prices = createPrices({ prices: { [ROUTE]: { input: 1, output: 20 } }, providers: [] });
  const { admit, pass, used } = desk({ limits: { windows: [DOLLARS] } }, prices);
  const admitted = admit({ input: 1_000 });
  await pass(100);
  (await admitted).settle(usage(1_000, 10));
  expect(await used()).toBe(1_200);
  expect((await refusal(admit({ input: 50_001 }))).type).toBe('Model.QuotaTooSmall');
});

test('a strict reserve needs a cap, and says how to give one', async () => {
  const { admit } = desk({ reserve: { kind: 'strict' } });
  const { type, message } = await refusal(admit({ input: 100 }));
  expect(type).toBe('Model.BadRequest');
  expect(message).toBe(
    "the quota of test/model reserves strictly, and agent greeter sets no maxOutputTokens: set it, or reserve: 'learned'.",
  );
});

test('a learned reserve is what most answers of the release stayed within, once there are enough', async () => {
  const { admit, pass, used } = desk({ limits: { windows: [{ ...TOKENS, most: 1_000_000 }] } });
  for (let nth = 1; nth <= 20; nth += 1) {
    const admitted = admit({ input: 0 });
    await pass(3_000);
    (await admitted).settle(usage(0, nth));
  }
  await pass(120_000);
  const admitted = admit({ input: 0 });
  await pass(100);
  (await admitted).settle(undefined);
  expect(await used()).toBe(19);
  const other = admit({ input: 0 }, { release: 'r2' });
  await pass(100);
  (await other).settle(undefined);
  expect(await used()).toBe(19 + 4_096);
});

test('a longer wait is the workflow’s, with its reason and how long; past patience it is shed, and says so', async () => {
  const { admit, pass } = desk({ limits: { windows: [REQUESTS] }, patienceMs: 90_000 });
  for (let nth = 0; nth < 2; nth += 1) {
    const admitted = admit({ input: 0 });
    await pass(100);
    (await admitted).settle(usage(0, 0));
  }
  const waits = admit({ input: 0 }).catch((error: unknown) => error);
  await pass(1_000);
  const wait = await waits;
  if (!(wait instanceof ModelWaitError)) throw new Error(`it was to wait: ${String(wait)}`);
  expect(wait.message).toMatch(
    /^the quota of test\/model is used up: 2 requests a minute; it waits until 22:14:2\d UTC$/,
  );
  expect(wait.waitUntil).toBeGreaterThan(EPOCH + 60_000);
  expect(wait.waitUntil).toBeLessThan(EPOCH + 63_000);
  const shed = refusal(admit({ input: 0 }, { waitingSince: EPOCH - 50_000 }));
  await pass(1_000);
  const { type, message } = await shed;
  expect(type).toBe('Model.QuotaShed');
  expect(message).toMatch(
    /^the quota of test\/model is used up: 2 requests a minute: it would wait \d+ s, after 5\d s, and patience ends at 90 s\.$/,
  );
});

test('who was shed, or went elsewhere, does not come back, and nobody is told to wait behind it', async () => {
  const { admit, pass } = desk({ limits: { windows: [REQUESTS] }, patienceMs: 10_000 });
  for (let nth = 0; nth < 2; nth += 1) {
    const admitted = admit({ input: 0 });
    await pass(100);
    (await admitted).settle(usage(0, 0));
  }
  const shed = Array.from({ length: 4 }, () => refusal(admit({ input: 0 })));
  const elsewhere = Array.from({ length: 4 }, () =>
    admit({ input: 0 }, { patienceMs: 1_000 }).catch((error: unknown) => error),
  );
  await pass(1_000);
  expect((await Promise.all(shed)).map(({ type }) => type)).toEqual(Array(4).fill('Model.QuotaShed'));
  await Promise.all(elsewhere);
  await pass(52_000);
  const waits = admit({ input: 0 }).catch((error: unknown) => error);
  await pass(1_000);
  expect(String(await waits)).toMatch(/waits until 22:14:2\d UTC/);
});

test('the place of one that was cancelled while it waited is the next one’s: nobody waits a window for a promise', async () => {
  const { admit, pass } = desk({ limits: { windows: [REQUESTS] } });
  for (let nth = 0; nth < 2; nth += 1) {
    const admitted = admit({ input: 0 });
    await pass(100);
    (await admitted).settle(usage(0, 0));
  }
  const waits = Array.from({ length: 3 }, () => admit({ input: 0 }).catch((error: unknown) => error));
  await pass(1_000);
  const told = (await Promise.all(waits)).map((wait) =>
    wait instanceof ModelWaitError ? wait.waitUntil - EPOCH : NaN,
  );
  expect(told[2]).toBeLessThan(65_000);
  expect(String(await waits[2])).toMatch(/; it asks again at 22:14:2\d UTC, and waits until some 22:15:2\d UTC$/);
  // The first never comes again. The others come when they were told to, and are let through.
  const waitingSince = EPOCH + 300;
  await pass((told[1] ?? NaN) - 1_200);
  const second = admit({ input: 0 }, { waitingSince });
  await pass((told[2] ?? NaN) - (told[1] ?? NaN));
  const third = admit({ input: 0 }, { waitingSince });
  await pass(1_000);
  await expect(Promise.all([second, third])).resolves.toHaveLength(2);
});

test('a line that asks again in the meantime is counted once: nobody is shed who would be let through in time', async () => {
  const { admit, pass } = desk({ limits: { windows: [{ ...REQUESTS, most: 10 }] }, patienceMs: 240_000 });
  const outcomeOf = async (admitted: Promise<Admission>): Promise<string | null | undefined> =>
    await admitted.then(
      (admission) => {
        admission.settle(usage(0, 0));
        return 'sent';
      },
      (error: unknown) => (error instanceof ApplicationFailure ? error.type : 'waits'),
    );
  const round = async (count: number, waitingSince?: number): Promise<(string | null | undefined)[]> => {
    const asked = Array.from({ length: count }, () => {
      const { signal } = new AbortController();
      return outcomeOf(admit({ input: 0 }, { signal, ...(waitingSince === undefined ? {} : { waitingSince }) }));
    });
    await pass(1_000);
    return await Promise.all(asked);
  };
  expect(await round(10)).toEqual(Array(10).fill('sent'));
  expect(await round(30)).toEqual(Array(30).fill('waits'));
  // The first ten have room after a minute, and the others are asked to come then, too.
  await pass(60_000);
  const again = await round(30, EPOCH + 1_000);
  expect(again.filter((one) => one === 'sent')).toHaveLength(10);
  expect(again.filter((one) => one === 'waits')).toHaveLength(20);
});

test('who is told to come back is known to the quota within a second, though nothing else is to be told, and until then', async () => {
  const { admit, pass, away } = desk({ limits: { windows: [REQUESTS] } });
  for (let nth = 0; nth < 2; nth += 1) {
    const admitted = admit({ input: 0 });
    await pass(100);
    (await admitted).settle(usage(0, 0));
  }
  await pass(10_000);
  const waits = admit({ input: 0 }).catch((error: unknown) => error);
  await pass(1_500);
  const wait = await waits;
  expect(away()).toBe(1);
  if (!(wait instanceof ModelWaitError)) throw new Error(`it was to wait: ${String(wait)}`);
  await pass(wait.waitUntil - EPOCH - 11_700);
  expect(away()).toBe(0);
});

test('while the quota does not answer nothing is sent, and the wait says why', async () => {
  const { admit, pass, silence } = desk({});
  silence();
  let isSent = false;
  const waits = admit({ input: 10 }).then(
    () => (isSent = true),
    (error: unknown) => error,
  );
  await pass(5_900);
  expect(isSent).toBe(false);
  await pass(200);
  const wait = await waits;
  expect(wait).toBeInstanceOf(ModelWaitError);
  expect(String(wait)).toContain('the quota of test/model does not answer');
});

test('a call that is stopped leaves the line, and what it would have taken is another’s', async () => {
  const { admit, pass } = desk({ limits: { windows: [], concurrency: 1 } });
  const first = admit({ input: 0 });
  await pass(100);
  const stop = new AbortController();
  const stopped = admit({ input: 0 }, { signal: stop.signal }).catch((error: unknown) => error);
  const third = admit({ input: 0 });
  await pass(100);
  stop.abort(new Error('stopped'));
  expect(String(await stopped)).toContain('stopped');
  (await first).settle(usage(1, 1));
  await pass(2_000);
  expect(await third).toBeDefined();
});

test('a model that is not limited is not asked about', async () => {
  const { quota, silence } = desk({});
  silence();
  const admission = await quota.admit('other/model', { input: 1e12 }, caller);
  admission.settle(usage(NaN, -1));
});
