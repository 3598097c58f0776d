// Needs: nothing. Ids that follow from what they are of, where traces go, and what content shows: in process.
import { configSchema } from '../../activities/define/config';
import { withoutCredentials } from '../../activities/redact';
import { chatContent, toolContent } from '../../activities/tracing/content';
import {
  attemptSpanId,
  isSampledAt,
  parseTraceparent,
  runSpanId,
  traceIdOf,
  traceparentOf,
} from '../../activities/tracing/trace-ids';
import { traceOfRun } from '../../activities/tracing/trace-of-run';
import { createMemoryStore } from '../../activities/store';
import { runRecordName } from '../../activities/store/ref-names';
import { isTraceparent } from '../../client/traced-start';
import { tracingSettings } from '../../workers/tracing-settings';
import { LRUCache } from 'lru-cache';
import type { RunTrace } from '../../activities/tracing/port';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

test('ids have their lengths, follow from what they are of, and differ between attempts, executions and activities', () => {
  expect(traceIdOf('first')).toMatch(/^[0-9a-f]{32}$/);
  expect(runSpanId('first')).toMatch(/^[0-9a-f]{16}$/);
  const attempt = { runId: 'r', activityId: '5', number: 1 };
  expect(attemptSpanId(attempt)).toBe(attemptSpanId({ ...attempt }));
  const all = [attempt, { ...attempt, number: 2 }, { ...attempt, activityId: '6' }, { ...attempt, runId: 's' }];
  expect(new Set(all.map(attemptSpanId)).size).toBe(4);
});

test.each([
  [`00-${TRACE}-${SPAN}-01`, true],
  [`00-${TRACE}-${SPAN}-00`, true],
  [`cc-${TRACE}-${SPAN}-01-what-comes`, true],
  [`00-${TRACE}-${SPAN}-01-what`, false],
  [`ff-${TRACE}-${SPAN}-01`, false],
  [`00-${'0'.repeat(32)}-${SPAN}-01`, false],
  [`00-${TRACE}-${'0'.repeat(16)}-01`, false],
  [`00-${TRACE.toUpperCase()}-${SPAN}-01`, false],
  [`00-${TRACE}-${SPAN}-01\n`, false],
  ['', false],
])('traceparent %j is one: %j', (text, isOne) => {
  expect(parseTraceparent(text) !== undefined).toBe(isOne);
  expect(isTraceparent(text)).toBe(isOne);
});

test('a traceparent is read as it is written', () => {
  expect(parseTraceparent(traceparentOf(TRACE, SPAN, false))).toEqual({
    traceId: TRACE,
    spanId: SPAN,
    isSampled: false,
  });
});

test('a share of the traces is kept, the same on every worker', () => {
  const ids = Array.from({ length: 4_000 }, (_, nth) => traceIdOf(`run ${nth}`));
  const kept = ids.filter((id) => isSampledAt(0.25, id)).length;
  // Five standard deviations.
  expect(Math.abs(kept - 1_000)).toBeLessThan(137);
  expect(ids.every((id) => isSampledAt(1, id))).toBe(true);
  expect(ids.some((id) => isSampledAt(0, id))).toBe(false);
});

const record = (id: string, more: object) => ({
  ...{ schemaVersion: 1, id, agent: 'a', release: 'r', tenant: 't', tags: [], input: '', question: '', startedAt: 1 },
  ...more,
});
test("a sub-agent's run is in its caller's trace, however deep, and that of a run which nothing is known of is its own", async () => {
  const store = createMemoryStore();
  const parent = (run: string) => ({ run, root: 'top', firstRunId: `${run}-1`, turn: 2, index: 1 });
  await store.commit({
    refs: [
      record('top', { traceparent: `00-${TRACE}-${SPAN}-01` }),
      record('middle', { parent: parent('top') }),
      record('low', { parent: parent('middle') }),
    ].map((value) => ({ op: 'put' as const, name: runRecordName(value.id), value })),
  });
  const deps = { store, tracing: { runs: new LRUCache<string, RunTrace>({ max: 10 }), sample: 0 } };
  const low = await traceOfRun(deps, { run: 'low', firstRunId: 'low-1' });
  expect(low).toMatchObject({ traceId: TRACE, isSampled: true, spanId: runSpanId('low-1') });
  const unknown = await traceOfRun(deps, { run: 'unknown', firstRunId: 'u-1' });
  expect(unknown).toEqual({ traceId: traceIdOf('u-1'), spanId: runSpanId('u-1'), isSampled: false });
});

const settings = (telemetry: object, env: { [name: string]: string } = {}) =>
  tracingSettings(configSchema.parse({ telemetry }), 'longhaul.config.ts', (name) => env[name]);

describe('where traces go', () => {
  test('nowhere, unless somebody says so', () => {
    expect(settings({})).toEqual({ described: [] });
    expect(settings({ otlp: { endpoint: 'http://c:4318' } }, { OTEL_SDK_DISABLED: 'true' }).tracing).toBeUndefined();
  });
  test.each([
    [{ otlp: { endpoint: 'http://c:4318/' } }, {}, 'http://c:4318/v1/traces'],
    [{}, { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c/otlp' }, 'https://c/otlp/v1/traces'],
    [{}, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://c/t' }, 'https://c/t'],
    [{ otlp: { endpoint: 'http://c' } }, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://other' }, 'http://c/v1/traces'],
  ])('%j with %j: %s', (telemetry, env, url) => {
    expect(settings(telemetry, env).tracing).toEqual({ url, content: false, redact: [], sample: 1 });
  });
  test('headers come from a secret, and no complaint shows one', () => {
    const telemetry = { otlp: { endpoint: 'http://c', headersEnv: 'H' } };
    expect(settings(telemetry, { H: 'authorization=Basic%20abc,x=1' }).tracing?.headers).toEqual({
      authorization: 'Basic abc',
      x: '1',
    });
    expect(() => settings(telemetry)).toThrow(/H is not set/);
    expect(() => settings(telemetry, { H: 's3cret' })).toThrow(/^H: it cannot be used: it holds name=value/);
    expect(JSON.stringify(settings(telemetry, { H: 'x=s3cret' }).described)).not.toMatch(/s3cret/);
  });
  test.each([
    [{}, { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, /OTEL_EXPORTER_OTLP_ENDPOINT: the address/],
    [{ otlp: { endpoint: 'http://c' } }, { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /"grpc" cannot be used/],
  ])('%j with %j is refused', (telemetry, env, message) => {
    expect(() => settings(telemetry, env)).toThrow(message);
  });
  test.each([{ sample: 2 }, { otlp: { endpoint: 'collector' } }, { redact: ['x'] }, { contents: true }])(
    'a configuration with %j is refused',
    (telemetry) => expect(() => configSchema.parse({ telemetry })).toThrow(),
  );
});

test('content passes what is declared, each text by itself, and the oldest messages give way to the length', () => {
  const hide = (text: string): string => withoutCredentials(text, ['own-secret'], [/\d{16}/g]);
  const shown = chatContent(
    {
      asked: {
        instructions: 'Use own-secret.',
        messages: [
          { role: 'user', parts: [{ type: 'text', text: 'x'.repeat(70_000) }] },
          { role: 'user', parts: [{ type: 'text', text: 'card 4242424242424242\nBearer abcdefgh' }] },
        ],
      },
    },
    hide,
  );
  expect(JSON.parse(String(shown['gen_ai.input.messages']))).toEqual([
    { role: 'user', parts: [{ type: 'text', content: 'card [redacted]\n[redacted]' }] },
  ]);
  expect(shown['gen_ai.system_instructions']).toBe('[{"type":"text","content":"Use [redacted]."}]');
  expect(toolContent({ arguments: { card: '4242424242424242' } }, undefined, hide)).toEqual({
    'gen_ai.tool.call.arguments': '{"card":"[redacted]"}',
  });
});
