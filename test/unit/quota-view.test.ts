// Needs: nothing. A quota as people are shown it: at the time of whoever asks, however long ago a worker last spoke.
import { inDollars, quotaLines, shownView } from '../../client/quota-shown';
import type { LeaseRequest, QuotaLimits, QuotaView, WindowLimit } from '../../workflows/contract/quota';
import { lease, newLedger } from '../../workflows/quota/ledger';
import { viewOf } from '../../workflows/quota/view';

const AT = 1_700_000_000_000;
const REQUESTS: WindowLimit = { of: 'requests', perMs: 60_000, most: 2 };
const TOKENS: WindowLimit = { of: 'tokens', perMs: 60_000, most: 10_000 };
const ROUTE = 'a/x';

/** Two are sent, three wait of whom one was told to come back, and nothing is heard of it again. */
function spent(limits: QuotaLimits, worker = 'w1') {
  const ledger = newLedger();
  const share = { class: 1, tenant: 'acme', weight: 1, first: [1], ageMs: 0 };
  const request: LeaseRequest = {
    ...{ worker, seq: 1, limits, busy: 0, waiting: [{ ...share, count: 4, all: [4] }] },
    ...{ spent: [], settled: [], closed: [], away: [{ class: 1, amounts: [1], forMs: 61_000 }] },
  };
  lease(ledger, request, AT);
  return { ledger, request, at: (ms: number): QuotaView => viewOf(ledger, ROUTE, AT + ms) };
}

test('programs are told of money in dollars, and of all else as it is', () => {
  const { at } = spent({ windows: [{ of: 'usd', perMs: 86_400_000, most: 20_000 }, REQUESTS] });
  expect(inDollars(at(1_000)).limits).toMatchObject([
    { of: 'usd', most: 0.02, used: 0 },
    { of: 'requests', most: 2, leased: 2 },
  ]);
});

test('what has stopped counting, and who was not heard of again, is not shown', () => {
  const { at } = spent({ windows: [REQUESTS], concurrency: 9 });
  expect(at(1_000)).toMatchObject({
    limits: [{ of: 'requests', used: 0, leased: 2 }],
    concurrency: { most: 9, busy: 2 },
    waiting: [{ priority: 'normal', tenant: 'acme', count: 2 }],
    ...{ away: 1, workers: 1 },
  });
  expect(at(30_000)).toMatchObject({ limits: [{ leased: 2 }], waiting: [], away: 1 });
  expect(at(240_000)).toMatchObject({
    limits: [{ used: 0, leased: 0 }],
    concurrency: { most: 9, busy: 0 },
    waiting: [],
    ...{ away: 0, workers: 0 },
  });
});

test('a limit that was taken out of the configuration is shown only while a worker that still has it is heard', () => {
  const { ledger, request, at } = spent({ windows: [REQUESTS, TOKENS] });
  const windows = (ms: number): string[] => at(ms).limits.map(({ of }) => of);
  const fewer: QuotaLimits = { windows: [{ ...REQUESTS, most: 5 }], concurrency: 3 };
  const shown = (ms: number): QuotaView => shownView(fewer, at(ms), AT + ms);
  expect(shown(1_000)).toMatchObject({ limits: [{ of: 'requests', most: 2 }, { of: 'tokens' }] });
  // Before anybody with the new configuration has asked.
  expect(shown(30_000).limits).toMatchObject([{ of: 'requests', most: 5, leased: 2 }]);
  expect(shown(30_000).concurrency).toEqual({ most: 3, busy: 0 });
  lease(ledger, { ...request, worker: 'w2', limits: fewer, waiting: [] }, AT + 3_000);
  expect(windows(4_000)).toEqual(['requests', 'tokens']);
  expect(windows(30_000)).toEqual(['requests']);
});

test('who waits is said by class and tenant, and a pause counts down', () => {
  const waiting = [
    { priority: 'high', tenant: 'acme', count: 1 },
    { priority: 'normal', tenant: 'globex', count: 2 },
    { priority: 'high', tenant: 'acme', count: 1 },
  ];
  const view = { ...spent({ windows: [REQUESTS] }).at(0), waiting, pausedUntil: AT + 9_000 };
  expect(quotaLines(ROUTE, view, AT + 4_000)).toEqual([
    'a/x: 4 wait (2 high of acme, 2 normal of globex), 1 told to come back',
    'a/x: the provider asked for 5 s of pause',
  ]);
});
