// A start as a span of the caller's own, where its process has an OpenTelemetry SDK; and whose trace a run then belongs to. Without an SDK
// none of it does anything.
import { SpanKind, SpanStatusCode, context, isSpanContextValid, trace } from '@opentelemetry/api';
import { ClientError } from './errors';

const IDS = '(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}';
/** Version 00, or a later one with whatever it has behind. */
const TRACEPARENT = new RegExp(`^(?:00-${IDS}|(?!00|ff)[0-9a-f]{2}-${IDS}(?:-[\\w-]*)?)$`);
const TRACEPARENT_CHARS_MOST = 200;

/** Whether a text is what W3C Trace Context calls a traceparent. */
export const isTraceparent = (text: string): boolean => text.length <= TRACEPARENT_CHARS_MOST && TRACEPARENT.test(text);

/**
 * Of whoever starts a run now, for its record.
 * @param given by the caller; otherwise that of the span that is active
 * @throws ClientError `invalid-input`
 */
export function traceOf(given: string | undefined): { traceparent?: string } {
  if (given !== undefined) {
    if (isTraceparent(given)) return { traceparent: given };
    throw new ClientError('invalid-input', 'traceparent: it is 00-<32 hex digits>-<16 hex digits>-<2 hex digits>.');
  }
  const active = trace.getSpanContext(context.active());
  if (!active || !isSpanContextValid(active)) return {};
  const flags = active.traceFlags.toString(16).padStart(2, '0');
  return { traceparent: `00-${active.traceId}-${active.spanId}-${flags}` };
}

/** @returns what `work` returns @throws what it throws */
export function tracedStart<T>(
  { agent, id, conversation }: { agent: string; id: string; conversation: string | undefined },
  work: () => Promise<T>,
): Promise<T> {
  const attributes = {
    'gen_ai.agent.name': agent,
    'gen_ai.conversation.id': conversation ?? id,
    'longhaul.run.id': id,
  };
  return asSpan(`start ${agent}`, SpanKind.PRODUCER, attributes, work);
}

/** Of a run that goes on from another. @returns what `work` returns @throws what it throws */
export const tracedFork = <T>(id: string, from: string, work: () => Promise<T>): Promise<T> =>
  asSpan('fork', SpanKind.PRODUCER, { 'longhaul.run.id': id, 'longhaul.forked_from': from }, work);

/** Of a message to a session. @param run that answers it, if none that is under way does @returns what `work` returns @throws what it throws */
export const tracedSend = <T>(
  { agent, session, run }: { agent: string; session: string; run: string },
  work: () => Promise<T>,
): Promise<T> =>
  asSpan(
    `send ${agent}`,
    SpanKind.PRODUCER,
    { 'gen_ai.agent.name': agent, 'gen_ai.conversation.id': session, 'longhaul.run.id': run },
    work,
  );

/** Of waiting for the answer of a run. */
export const tracedResult = <T>(id: string, work: () => Promise<T>): Promise<T> =>
  asSpan('await result', SpanKind.CLIENT, { 'longhaul.run.id': id }, work);

function asSpan<T>(
  name: string,
  kind: SpanKind,
  attributes: { [name: string]: string },
  work: () => Promise<T>,
): Promise<T> {
  return trace.getTracer('longhaul').startActiveSpan(name, { kind, attributes }, async (span) => {
    try {
      return await work();
    } catch (error) {
      const type = ClientError.isInstance(error) ? error.code : error instanceof Error ? error.name : 'unknown';
      span.setAttribute('error.type', type);
      span.setStatus({ code: SpanStatusCode.ERROR, message: type });
      throw error;
    } finally {
      span.end();
    }
  });
}
