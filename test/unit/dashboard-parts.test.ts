// Needs: nothing. Parts of the dashboard's pages: text that others wrote, links, forms of other sites, the waterfall of a trace, plots of drift,
// and findings.
import { driftHtml } from '../../client/dashboard/drift-plots';
import { findingsHtml } from '../../client/dashboard/findings';
import { linkTo, shownLine, shownText } from '../../client/dashboard/html';
import { requireOwnPage, requireToken } from '../../client/dashboard/own-forms';
import { safePlace } from '../../client/dashboard/sign-in';
import { waterfallHtml } from '../../client/dashboard/waterfall';
import type { RunTrace, TraceSpan } from '../../client/trace/trace-shapes';

describe('text that others wrote', () => {
  test.each([
    ['markup', '<b onclick="x">&amp;</b>', '&lt;b onclick=&quot;x&quot;&gt;&amp;amp;&lt;/b&gt;'],
    ['an override of direction', 'a\u202eb', 'a<span class="unseen">U+202E</span>b'],
    ['an escape', '\u001b[31m', '<span class="unseen">U+001B</span>[31m'],
    ['a space of no width, beside markup', '\u200b<i>', '<span class="unseen">U+200B</span>&lt;i&gt;'],
    ['lines and tabs', 'a\r\n\tb', 'a\n\tb'],
    ['a tag', 'a\u{e0041}b', 'a<span class="unseen">U+E0041</span>b'],
    [
      'a flag of six tags',
      '\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}',
      '\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}',
    ],
    ['letters of every script', 'שלום 日本 👩‍👩‍👧', 'שלום 日本 👩‍👩‍👧'],
    ['nothing', '', ''],
  ])('%s is text', async (_, text, shown) => {
    expect(String(await shownText(text))).toBe(shown);
  });

  test('in the title of a page no markup stands, and what would not be seen is shown too', () => {
    expect(shownLine('Run \u202egnp.exe\u200b')).toBe('Run U+202Egnp.exeU+200B');
  });

  test('an id is one part of a path, whatever is in it', () => {
    expect(linkTo(['runs', 'a/../b?c#d"e'], { q: 'x&y', none: undefined })).toBe(
      '/ui/runs/a%2F..%2Fb%3Fc%23d%22e?q=x%26y',
    );
  });
});

test.each([
  ['/ui/runs/x?y=1', '/ui/runs/x?y=1'],
  ['https://evil.example', '/ui'],
  ['//evil.example', '/ui'],
  ['/ui/\\evil', '/ui'],
  ['/uix', '/ui'],
  ['/ui/sign-in', '/ui'],
  [null, '/ui'],
])('after signing in %s leads to %s', (to, place) => expect(safePlace(to)).toBe(place));

test.each([
  ['its own page', { 'sec-fetch-site': 'same-origin', origin: 'http://here:1', host: 'here:1' }, true],
  ['its own page behind TLS', { origin: 'https://here', host: 'here' }, true],
  ['another site', { 'sec-fetch-site': 'cross-site', origin: 'http://evil', host: 'here:1' }, false],
  ['a site beside it', { 'sec-fetch-site': 'same-site', origin: 'http://here:1', host: 'here:1' }, false],
  ['another port', { origin: 'http://here:2', host: 'here:1' }, false],
  ['a page without an origin', { origin: 'null', host: 'here:1' }, false],
  ['who says nothing', { host: 'here:1' }, false],
])('a form of %s', (_, headers, isTaken) => {
  const ask = (): void => requireOwnPage(new Headers(headers));
  if (isTaken) expect(ask).not.toThrow();
  else expect(ask).toThrow('forms of other sites are not taken.');
});

test('a form has the word of its session', () => {
  expect(() => requireToken('a', new URLSearchParams({ token: 'a' }))).not.toThrow();
  for (const token of ['b', '', 'aa'])
    expect(() => requireToken('a', new URLSearchParams({ token }))).toThrow('load the page again');
  expect(() => requireToken('a', new URLSearchParams())).toThrow('load the page again');
});

const span = (id: string, more: Partial<TraceSpan>): TraceSpan => ({
  ...{
    id,
    parent: 'run',
    depth: 1,
    run: 'r/1',
    kind: 'model',
    name: 'test/model',
    status: 'done',
    startMs: 1_000,
    endMs: 2_000,
  },
  ...more,
});
const usage = { input: 0, cachedInput: 0, output: 0, reasoning: 0 };
const traceOf = (spans: TraceSpan[]): RunTrace => ({
  run: {
    ...{ id: 'r/1', agent: 'a', release: 'f', tenant: 't', question: 'q', status: 'completed', outcome: 'completed' },
    ...{ failure: null, startedMs: 0, endedMs: 4_000, firstRunId: null, limits: null, degraded: null },
    ...{ forkedFrom: null, calledBy: null, erased: null, totals: { turns: 1, modelCalls: 1, toolCalls: 1, usage } },
  },
  spans,
  ...{ turns: { from: 1, to: 1, of: 1 }, history: 'read', problems: [], unreadable: 0 },
});

test('a trace is rows with bars: waits before what they waited for, failures told, calls to be opened', async () => {
  const text = String(
    await waterfallHtml(
      traceOf([
        span('run', { parent: null, depth: 0, kind: 'run', name: 'a', startMs: 0, endMs: 4_000 }),
        span('m', {
          call: 1,
          queuedMs: 500,
          attempt: 2,
          attempts: [{ number: 1, failure: { type: 'Model.RateLimited', message: 'x' } }],
        }),
        span('t', {
          kind: 'tool',
          name: '<i>look',
          call: 2,
          status: 'failed',
          startMs: 2_000,
          endMs: 3_000,
          failure: { type: 'Tool.Failed', message: '<u>' },
        }),
        span('open', {
          kind: 'waiting',
          name: 'quota',
          status: 'open',
          startMs: 3_000,
          endMs: null,
          note: 'the quota is used up',
        }),
      ]),
      8_000,
    ),
  ).replace(/\s+/g, ' ');
  expect(text).toContain('href="/ui/runs/r%2F1/calls/1"');
  // It ran from 1 s to 2 s of 8, and had waited for half a second before.
  expect(text).toMatch(/<rect class="before" x="62\.5" y="5" width="62\.5"/);
  expect(text).toMatch(/<rect class="" x="125\.0" y="2" width="125\.0"/);
  expect(text).toMatch(/<rect class="failed" x="250\.0"/);
  expect(text).toMatch(/<rect class="wait" x="375\.0" y="2" width="625\.0"/);
  expect(text).toContain('5.0 s so far');
  expect(text).toContain('failed before: Model.RateLimited');
  expect(text).toContain('Tool.Failed: &lt;u&gt;');
  expect(text).not.toMatch(/<i>|<u>/);
});

test('a long trace stands in boxes of its turns, none of which is torn', async () => {
  const turns = Array.from({ length: 120 }, (_, nth) => [
    span(`turn ${nth}`, { kind: 'turn', name: `turn ${nth}`, depth: 1 }),
    span(`m${nth}`, { depth: 2, call: 2 * nth + 1 }),
    span(`t${nth}`, { depth: 2, kind: 'tool', call: 2 * nth + 2 }),
  ]).flat();
  const text = String(await waterfallHtml(traceOf([span('run', { kind: 'run', depth: 0 }), ...turns])));
  const boxes = text.split('<table class="waterfall">').slice(1);
  expect(boxes.map((box) => box.split('data-row').length - 1)).toEqual([151, 150, 60]);
  for (const box of boxes.slice(1)) expect(box).toMatch(/<tbody>\s*<tr data-row>\s*<th scope="row" class="d1">/);
  expect(boxes.every((box) => box.includes('<th scope="col" class="what">What</th>'))).toBe(true);
});

const spread = (p50: number): { p10: number; p50: number; p90: number } => ({ p10: p50 / 2, p50, p90: p50 * 2 });
const DAY = 86_400_000;

test('drift is drawn release by release, each value where it belongs, and told as a table', async () => {
  const point = (day: number, release: string, more: object) => ({
    ...{
      from: day * DAY,
      release: release.repeat(64),
      runs: 10,
      completed: 10,
      tokens: spread(1_000),
      turns: spread(4),
    },
    ...{ toolCalls: 0, toolFailures: 0, ...more },
  });
  const drift = {
    stepMs: DAY,
    points: [
      point(0, 'a', {}),
      point(1, 'a', { completed: 5, toolCalls: 8, toolFailures: 2 }),
      point(3, 'b', { tokens: spread(4_000) }),
    ],
  };
  const text = String(await driftHtml(drift)).replace(/\s+/g, ' ');
  expect(text).toContain('aria-label="Tokens of a run: 1.0k at first, 4.0k now"');
  expect(text).toContain('aria-label="Share of runs that were completed: 100 % at first, 100 % now"');
  expect(text).toContain('aria-label="Share of tool calls that failed: 25 % at first, 25 % now"');
  // Of four days a middle is an eighth of the width behind the axis; the largest value, 8,000, is the top.
  expect(text).toContain('<path class="s1" d="M96.8 111.5L186.3 111.5" />');
  expect(text).toContain('<circle class="s0" cx="365.3" cy="68.0" r="3" />');
  expect(text).toContain('<path class="s0 spread" d="M365.3 97.0V10.0" />');
  expect(text).toContain('1970-01-04');
  expect(text).toContain('4.0k (2.0k to 8.0k)');
  expect(text).toContain('2 of 8');
  expect(text).not.toMatch(/NaN|Infinity|undefined/);
  const one = String(await driftHtml({ stepMs: DAY, points: [point(0, 'a', { tokens: spread(0) })] }));
  expect(one).not.toMatch(/NaN|Infinity|undefined/);
});

test('a finding says what it may say to whoever looks, and links the runs that show it', async () => {
  const finding = {
    ...{ id: 'fnd_1', agent: 'a', release: 'c'.repeat(64), metric: 'tool-failed:look', of: 'share' as const },
    ...{ direction: 'up' as const, before: 0.01, after: 0.25, chance: 0.0001, runs: ['r/1', 'r2'], at: 0, seenAt: 0 },
    compared: { window: 40, baseline: 500 },
  };
  const { after: _, ...hidden } = { ...finding, of: 'run' as const, metric: 'run-tokens', before: 3 };
  const text = String(await findingsHtml({ findings: [finding, hidden], more: true })).replace(/\s+/g, ' ');
  expect(text).toContain('tool-failed:look up, 1 % → 25 %');
  expect(text).toContain(': its newest 40 runs and 500 before them; by chance 1 in 10k.');
  expect(text).toContain('href="/ui/runs/r%2F1"');
  expect(text).toContain('run-tokens, usually 3');
  expect(text).toContain('longhaul findings');
});
