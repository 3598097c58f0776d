// Watches the attempts of calls from outside: each is a line of the log, and a span where somebody traces. Nothing here can fail a call, and
// nothing here is waited for: what a span needs of the store is read in the background.
import { ApplicationFailure } from '@temporalio/common';
import type { CallContext } from '../../workflows/contract/activities';
import type { ActivityDeps, Attempt } from '../deps';
import { callAttributes, shortRelease, spentAttributes } from './attributes';
import { spentBy } from '../gateway/money/spending';
import type { CallLine, EndedSpan, RunTrace, SeenModelCall, SpanAttributes, SpanEvent, Tracing } from './port';
import { attemptSpanId, waitSpanId } from './trace-ids';
import { traceOfRun } from './trace-of-run';

export type ObserveDeps = Pick<ActivityDeps, 'store' | 'now' | 'tracing' | 'log'>;

/** What a span says of a call, once it has ended. */
export interface CallSpan {
  name: string;
  kind: EndedSpan['kind'];
  attributes: SpanAttributes;
  events?: readonly SpanEvent[];
  failed?: string | undefined;
  /** @default that of the attempt */
  spanId?: string;
  /** @default when the attempt began */
  startedAt?: number;
}

export interface Ended<Result> {
  result?: Result;
  /** The failure's type, of an attempt that threw one. */
  failed?: string;
  seen: SeenModelCall;
}

interface Observed<Result> {
  activity: string;
  tool?: string;
  /** `ok`, `reused`, `wait`, or the failure's type. */
  outcomeOf(result: Result): string;
  /** Undefined where there is nothing to show: a call that was found again was shown when it was made. */
  spanOf?(ended: Ended<Result>, tracing: Tracing): CallSpan | undefined | Promise<CallSpan | undefined>;
}

/** @returns what `work` returns @throws what it throws */
export async function observed<Result>(
  deps: ObserveDeps,
  input: CallContext,
  attempt: Attempt,
  about: Observed<Result>,
  work: (attempt: Attempt) => Promise<Result>,
): Promise<Result> {
  if (!deps.tracing && !deps.log) return await work(attempt);
  const startedAt = deps.now();
  const seen: SeenModelCall = {};
  const spanId = attemptSpanId({ ...attempt, activityId: attempt.activityId ?? Object.values(input.key).join('/') });
  const tell = (ended: Ended<Result>, outcome: string): void =>
    told(deps, about, { input, attempt, startedAt, endedAt: deps.now(), spanId, ended, outcome });
  try {
    const saw = (more: SeenModelCall): void => void Object.assign(seen, more);
    const result = await work({ ...attempt, ...(deps.tracing ? { saw } : {}) });
    tell({ result, seen }, about.outcomeOf(result));
    return result;
  } catch (error) {
    const failed = failureOf(error, attempt);
    const spent = spentBy(error);
    tell({ failed, seen: { ...seen, ...(spent ? { spent } : {}) } }, failed);
    throw error;
  }
}

function failureOf(error: unknown, { signal }: Attempt): string {
  if (signal.aborted) return 'Run.Cancelled';
  return (error instanceof ApplicationFailure && error.type) || 'Runtime.Unexpected';
}

interface Told<Result> {
  input: CallContext;
  attempt: Attempt;
  startedAt: number;
  endedAt: number;
  spanId: string;
  ended: Ended<Result>;
  outcome: string;
}

function told<Result>(deps: ObserveDeps, about: Observed<Result>, what: Told<Result>): void {
  const { input, attempt, startedAt, endedAt, outcome } = what;
  const line: CallLine = {
    ...{ run: attempt.workflowId, agent: input.agent, release: shortRelease(input.release) },
    ...{ turn: input.key.turn, call: input.key.index, attempt: attempt.number, activity: about.activity },
    ...(about.tool === undefined ? {} : { tool: about.tool }),
    ...{ outcome, ms: endedAt - startedAt },
  };
  const { tracing, log } = deps;
  if (!tracing) return log?.(line);
  const isSeenTo = tracing.later(async () => {
    let ids: Pick<CallLine, 'trace_id' | 'span_id'> = {};
    try {
      const trace = await traceOfRun({ store: deps.store, tracing }, { run: line.run, firstRunId: input.key.run });
      const span = trace.isSampled ? await about.spanOf?.(what.ended, tracing) : undefined;
      const spanId = span?.spanId ?? what.spanId;
      ids = { trace_id: trace.traceId, ...(span ? { span_id: spanId } : {}) };
      if (span) show(tracing, trace, { ...span, spanId }, what);
    } finally {
      log?.({ ...line, ...ids });
    }
  });
  if (!isSeenTo) log?.(line);
}

function show<Result>(
  tracing: Tracing,
  trace: RunTrace,
  { spanId, startedAt: since, attributes, failed, ...span }: CallSpan & { spanId: string },
  { input, attempt, startedAt, endedAt, ended }: Told<Result>,
): void {
  const { scheduledAt } = attempt;
  // Two machines' clocks: a wait is not less than none.
  const queuedMs = scheduledAt === undefined ? undefined : Math.max(0, startedAt - scheduledAt);
  const common = callAttributes(input, attempt, queuedMs);
  const of = { traceId: trace.traceId, parentSpanId: trace.spanId };
  if (input.waitingSince !== undefined)
    tracing.ended({
      ...{ ...of, name: 'wait for quota', kind: 'internal', spanId: waitSpanId(spanId), attributes: common },
      ...{ startedAt: Math.min(input.waitingSince, startedAt), endedAt: startedAt },
    });
  const type = failed ?? ended.failed;
  tracing.ended({
    ...{ ...of, ...span, spanId, startedAt: since ?? startedAt, endedAt },
    attributes: { ...common, ...attributes, ...(ended.failed ? spentAttributes(ended.seen.spent) : {}) },
    ...(type === undefined ? {} : { failed: type }),
  });
}
