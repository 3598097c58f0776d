// Events of a history as a trace has them: what was called, how it failed, and what of it these keys open.
import type { LoadedDataConverter, Payload } from '@temporalio/common';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow';
import { z } from 'zod';
import { isFailureType } from '../../workflows/contract/failures';
import { ACTIVITY_NAMES } from '../../workflows/contract/names';
import { failureText } from '../failure-text';
import type { HistoryEvent } from './history-pages';
import type { HistoryCall } from './run-history';
import type { TraceAttempt } from './trace-shapes';

type Scheduled = NonNullable<HistoryEvent['activityTaskScheduledEventAttributes']>;
type Failure = NonNullable<NonNullable<HistoryEvent['activityTaskFailedEventAttributes']>['failure']>;
type Time = { seconds?: unknown; nanos?: number | null } | null | undefined;

export const msOf = (time: Time): number => Number(time?.seconds ?? 0) * 1_000 + Math.round((time?.nanos ?? 0) / 1e6);

const KEYED: readonly string[] = [ACTIVITY_NAMES.callModel, ACTIVITY_NAMES.callTool, ACTIVITY_NAMES.compactContext];
const KNOWN: readonly string[] = Object.values(ACTIVITY_NAMES);

const inputSchema = z.object({ key: z.object({ fork: z.number(), turn: z.number(), index: z.number() }) });

export async function callAsked(
  converter: LoadedDataConverter,
  event: HistoryEvent,
  asked: Scheduled,
): Promise<HistoryCall> {
  const activity = asked.activityType?.name ?? '';
  const summary = (await decode(converter, event.userMetadata?.summary ? [event.userMetadata.summary] : []))[0];
  const input = KEYED.includes(activity)
    ? inputSchema.safeParse((await decode(converter, asked.input?.payloads))[0])
    : undefined;
  const key = input?.data?.key;
  return {
    activity: KNOWN.includes(activity) ? activity : 'activity',
    ...(key ? { key } : {}),
    label: typeof summary === 'string' ? summary : '',
    taskQueue: asked.taskQueue?.name ?? '',
    scheduledMs: msOf(event.eventTime),
    attempt: 1,
    attempts: [],
    status: 'open',
    reused: false,
  };
}

/** A history keeps the last attempt, and how the one before it failed: what came earlier left no trace there. */
export async function attemptsOf(
  converter: LoadedDataConverter,
  { attempt, scheduledMs, startMs }: HistoryCall,
  lastFailure: Failure | null | undefined,
): Promise<TraceAttempt[]> {
  const before =
    lastFailure && attempt > 1 ? [{ number: attempt - 1, failure: await failureOf(converter, lastFailure) }] : [];
  return [
    ...before,
    { number: attempt, ...(attempt === 1 ? { scheduledMs } : {}), ...(startMs === undefined ? {} : { startMs }) },
  ];
}

export async function failureOf(
  { payloadCodecs }: LoadedDataConverter,
  failure: Failure,
): Promise<{ type: string; message: string }> {
  const innermost = failure.cause && !failure.applicationFailureInfo ? failure.cause : failure;
  const type = innermost.applicationFailureInfo?.type;
  const message = await failureText(payloadCodecs, innermost);
  if (isFailureType(type)) return { type, message };
  return { type: failure.timeoutFailureInfo ? 'Timeout' : 'Runtime.Unexpected', message };
}

/** What these keys do not open, or another codec encrypted, says nothing. */
export async function decode(
  converter: LoadedDataConverter,
  payloads: Payload[] | null | undefined,
): Promise<unknown[]> {
  try {
    return (await decodeArrayFromPayloads(converter, payloads)) ?? [];
  } catch {
    return [];
  }
}
