// Needs: nothing. Parts of the dashboard's pages: text that others wrote, links, forms of other sites, and the waterfall of a trace.
import { linkTo, shownText } from '../../client/dashboard/html';
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
