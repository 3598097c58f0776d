// Ended spans on their way to a collector: gathered, sent in the background over OTLP, and dropped rather than waited for. The one place that
// knows OpenTelemetry's SDK; nothing of it is registered for the whole process, which may have its own.
import {
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Attributes,
  type HrTime,
  type SpanContext,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { detectResources, envDetector, resourceFromAttributes, type Resource } from '@opentelemetry/resources';
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { Tracing } from '../activities';
import { safeText, withoutCredentials } from '../activities/redact';
import type { EndedSpan, RunTrace, SpanAttributes } from '../activities/tracing/port';
import { packageVersion } from './package-version';
import type { TracingSettings } from './tracing-settings';

/** Spans that wait to be sent: what comes beyond them while a collector does not keep up is dropped. */
const QUEUE_SPANS = 4_096;
const BATCH_SPANS = 512;
const DELAY_MS = 1_000;
/** One batch, its retries included. */
const SEND_MS = 5_000;
/** The whole of what is left, when the process stops. */
const DRAIN_MS = 8_000;
/** Runs whose trace a worker remembers. */
const RUNS_KNOWN = 2_000;
/** Pieces of background work at once: a store that does not answer must not fill the memory. */
const LATER_MOST = 2_000;
/** A collector that is down is told of once in a while, not with each batch. */
const COMPLAIN_MS = 60_000;

export interface OpenTracing extends Tracing {
  /** Sends what is left, for eight seconds at most. Never throws. */
  close(): Promise<void>;
}

export interface TracingOptions {
  settings: TracingSettings;
  logger: Pick<Logger, 'warn'>;
  /** Of this process, as Temporal knows it. */
  instance: string;
  /** Values that content must not show, whatever they look like. */
  secrets: readonly string[];
}

export function openTracing({ settings, logger, instance, secrets }: TracingOptions): OpenTracing {
  const { url, headers, content, redact, sample } = settings;
  const exporter = new OTLPTraceExporter({
    url,
    timeoutMillis: SEND_MS,
    ...(headers ? { headers: { ...headers } } : {}),
  });
  const complain = complainer(logger, secrets);
  let waiting = 0;
  const processor = new BatchSpanProcessor(
    forgiving(exporter, { taken: (spans) => void (waiting -= spans), failed: complain }),
    {
      maxQueueSize: QUEUE_SPANS,
      maxExportBatchSize: BATCH_SPANS,
      scheduledDelayMillis: DELAY_MS,
      exportTimeoutMillis: SEND_MS,
    },
  );
  const resource = resourceOf(instance);
  const background = new Set<Promise<void>>();
  return {
    sample,
    runs: new LRUCache<string, RunTrace>({ max: RUNS_KNOWN }),
    ...(content ? { content: (text: string) => withoutCredentials(text, secrets, redact.map(everywhere)) } : {}),
    ended: (span) => {
      // Beyond that the SDK drops them, too, and tells nobody.
      if (waiting >= QUEUE_SPANS) return complain(1, new Error('the collector does not keep up'));
      waiting += 1;
      processor.onEnd(readable(span, resource));
    },
    later: (work) => {
      if (background.size >= LATER_MOST) {
        complain(1, new Error('the store does not keep up'));
        return false;
      }
      const done = work()
        .catch((error: unknown) => complain(1, error))
        .finally(() => background.delete(done));
      background.add(done);
      return true;
    },
    close: async () => {
      const drained = (async () => {
        await Promise.all(background);
        await processor.shutdown();
      })();
      await Promise.race([drained.catch((error: unknown) => complain(0, error)), timer(DRAIN_MS)]);
    },
  };
}

const everywhere = (pattern: RegExp): RegExp =>
  pattern.global ? pattern : new RegExp(pattern.source, `${pattern.flags}g`);

const timer = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());

function complainer(logger: Pick<Logger, 'warn'>, secrets: readonly string[]): (spans: number, error: unknown) => void {
  let [quietUntil, lost] = [0, 0];
  return (spans, error) => {
    lost += spans;
    if (Date.now() < quietUntil) return;
    quietUntil = Date.now() + COMPLAIN_MS;
    const why = error instanceof Error ? error.message : String(error);
    logger.warn({ spans: lost }, `spans of traces are lost: ${safeText(why, secrets)}`);
    lost = 0;
  };
}

/** As the SDK's `ExportResultCode` has it. */
const TAKEN = 0;

/** A failure is told here and to nobody else: the SDK's own way is a handler of the whole process. */
function forgiving(
  exporter: SpanExporter,
  { taken, failed }: { taken(spans: number): void; failed(spans: number, error: unknown): void },
): SpanExporter {
  return {
    export: (spans, done) => {
      taken(spans.length);
      exporter.export(spans, (result) => {
        if (Number(result.code) !== TAKEN) failed(spans.length, result.error ?? 'the collector does not take them');
        done({ code: TAKEN });
      });
    },
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown(),
  };
}

/** Ours, then what `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say. */
const resourceOf = (instance: string): Resource =>
  resourceFromAttributes({
    'service.name': SCOPE,
    'service.version': packageVersion(),
    'service.instance.id': instance,
  }).merge(detectResources({ detectors: [envDetector] }));

const SCOPE = 'longhaul';
const KINDS = { client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const;

const hrTime = (ms: number): HrTime => [Math.floor(ms / 1_000), Math.round((ms % 1_000) * 1e6)];

const contextOf = (traceId: string, spanId: string): SpanContext => ({
  ...{ traceId, spanId, traceFlags: TraceFlags.SAMPLED },
});

function readable(span: EndedSpan, resource: Resource): ReadableSpan {
  const { name, kind, traceId, spanId, parentSpanId, startedAt, events = [], failed } = span;
  const endedAt = Math.max(startedAt, span.endedAt);
  return {
    ...{ name, kind: KINDS[kind], resource, ended: true, links: [] },
    spanContext: () => contextOf(traceId, spanId),
    ...(parentSpanId === undefined ? {} : { parentSpanContext: contextOf(traceId, parentSpanId) }),
    startTime: hrTime(startedAt),
    endTime: hrTime(endedAt),
    duration: hrTime(endedAt - startedAt),
    status: failed === undefined ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: failed },
    attributes: { ...known(span.attributes), ...(failed === undefined ? {} : { 'error.type': failed }) },
    events: events.map(({ name: event, at, attributes = {} }) => ({
      ...{ name: event, time: hrTime(at), attributes: known(attributes), droppedAttributesCount: 0 },
    })),
    instrumentationScope: { name: SCOPE, version: packageVersion() },
    ...{ droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0 },
  };
}

const known = (attributes: SpanAttributes): Attributes =>
  Object.fromEntries(
    Object.entries(attributes).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, typeof value === 'object' ? [...value] : value]],
    ),
  );
