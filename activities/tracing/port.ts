// What a trace is made of, as plain data: activities say what was done, and a process that exports it knows OpenTelemetry.
import type { LRUCache } from 'lru-cache';
import type { SpentDetails } from '../../workflows/contract/cost';
import type { ModelRecord } from '../../workflows/contract/schemas/call-record';
import type { JsonValue, Message } from '../../workflows/contract/message';
import type { ModelResponse } from '../model/provider';

export type SpanValue = string | number | boolean | readonly string[];
export type SpanAttributes = { readonly [name: string]: SpanValue | undefined };

export interface SpanEvent {
  name: string;
  /** Milliseconds since the epoch. */
  at: number;
  attributes?: SpanAttributes;
}

/** A span that has ended: made in one piece, after the fact. */
export interface EndedSpan {
  name: string;
  kind: 'client' | 'internal';
  /** 32 and 16 hex digits. */
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  /** Milliseconds since the epoch. */
  startedAt: number;
  endedAt: number;
  attributes: SpanAttributes;
  events?: readonly SpanEvent[];
  /** The failure's type, of what did not succeed. */
  failed?: string;
}

/** Where the spans of a run belong. */
export interface RunTrace {
  traceId: string;
  /** Of the span of the run, which the spans of its calls have as their parent. */
  spanId: string;
  /** Of whoever started the run: a caller's, or that of the call which it answers. */
  parentSpanId?: string;
  isSampled: boolean;
}

export interface Tracing {
  /** Never throws, and never waits. */
  ended(span: EndedSpan): void;
  /**
   * Work in the background that ends in spans: waited for when the process stops.
   * @returns false where too much of it is under way: then it is not done
   */
  later(work: () => Promise<void>): boolean;
  /** Of traces that no caller began, how many are kept: from 0 to 1. */
  sample: number;
  /** Absent where no content is exported. @returns the text without what must not be shown */
  content?: (text: string) => string;
  /** Those of runs under way, by run and first execution. */
  readonly runs: LRUCache<string, RunTrace>;
}

/** What an attempt did that its answer does not say. */
export interface SeenModelCall {
  /** Whom it would ask first, as `provider/model`. */
  preferred?: string;
  /** Of the release: as `temperature` and `maxOutputTokens`, and whether the answer is to be JSON. */
  parameters?: { readonly [name: string]: JsonValue };
  isJson?: boolean;
  asked?: { instructions: string; messages: readonly Message[] };
  response?: ModelResponse;
  record?: Pick<
    ModelRecord,
    'answer' | 'finish' | 'tried' | 'request' | 'requestId' | 'batch' | 'startedAt' | 'endedAt'
  >;
  /** By requests that brought no answer, of an attempt that failed. */
  spent?: SpentDetails;
}

/** One attempt of a call that has ended, for the log: names and numbers, and nothing that was said. */
export interface CallLine {
  run: string;
  agent: string;
  /** The first twelve digits. */
  release: string;
  turn: number;
  /** Number of the call in its turn: 0 is the model's. */
  call: number;
  attempt: number;
  activity: string;
  tool?: string;
  /** `ok`, `reused`, `wait`, or the failure's type. */
  outcome: string;
  ms: number;
  trace_id?: string;
  span_id?: string;
}
