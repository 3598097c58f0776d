// What Temporal's history tells of a run that its records do not: how long calls waited and how often they were tried, for what the run slept,
// and what people did to it. Read page by page, of all its executions.
import type { Client } from '@temporalio/client';
import type { LoadedDataConverter, Payload } from '@temporalio/common';
import { z } from 'zod';
import { SIGNAL_NAMES, UPDATE_NAMES } from '../../workflows/contract/names';
import { executionsOf, pagesOf, type HistoryEvent } from './history-pages';
import { attemptsOf, callAsked, decode, failureOf, msOf } from './history-parts';
import type { TraceAttempt } from './trace-shapes';

/** One activity, as the run asked for it. */
export interface HistoryCall {
  activity: string;
  /** Of a call that has a record, or will have: the run, turn and place. */
  key?: { fork: number; turn: number; index: number };
  /** As the run labels it. */
  label: string;
  taskQueue: string;
  scheduledMs: number;
  /** Of the last attempt. */
  startMs?: number;
  endMs?: number;
  attempt: number;
  attempts: TraceAttempt[];
  status: 'open' | 'done' | 'failed' | 'cancelled';
  worker?: string;
  /** It was answered from its record. */
  reused: boolean;
  /** It said something else than an answer: that it is to be asked later, or that the conversation is too long. */
  instead?: { kind: 'wait' | 'compact'; reason: string };
}

export interface HistoryTimer {
  startMs: number;
  endMs?: number;
  isCancelled?: true;
  label: string;
}

export interface HistoryAct {
  /** `pause`, `resume`, `steer`, `approve` and so on. */
  what: string;
  atMs: number;
  given: unknown;
}

export interface RunHistory {
  /** When its first execution began. */
  startedMs: number;
  calls: HistoryCall[];
  timers: HistoryTimer[];
  acts: HistoryAct[];
  /** Executions that are gone, before those that are read. */
  isPartial: boolean;
}

const ACTS: readonly string[] = [
  ...[SIGNAL_NAMES.pause, SIGNAL_NAMES.resume, SIGNAL_NAMES.parentCancelled],
  ...[UPDATE_NAMES.cancel, UPDATE_NAMES.approve, UPDATE_NAMES.deny, UPDATE_NAMES.replace],
  ...[UPDATE_NAMES.steer, UPDATE_NAMES.extend],
];

const resultSchema = z.object({
  kind: z.string().optional(),
  reason: z.string().optional(),
  reused: z.boolean().default(false),
});

/**
 * @param firstRunId of the run's record: the history of another run under its id is none of this one's
 * @returns `gone` where Temporal has none
 * @throws what keeps Temporal from telling
 */
export async function readHistory(
  temporal: Client,
  id: string,
  firstRunId: string | undefined,
): Promise<RunHistory | 'gone'> {
  const executions = await executionsOf(temporal, id);
  if (!executions || (firstRunId !== undefined && executions.first !== firstRunId)) return 'gone';
  const pages = executions.runIds.map((runId) => pagesOf(temporal, id, runId));
  return { ...(await toldBy(temporal.options.loadedDataConverter, pages)), isPartial: executions.isPartial };
}

/** @param executions the pages of each, oldest first */
export async function toldBy(
  converter: LoadedDataConverter,
  executions: readonly AsyncIterable<readonly HistoryEvent[]>[],
): Promise<Omit<RunHistory, 'isPartial'>> {
  const reader = createReader(converter);
  for (const pages of executions) {
    for await (const events of pages) for (const event of events) await reader.read(event);
    reader.nextExecution();
  }
  return reader.told();
}

interface Reader {
  read(event: HistoryEvent): Promise<void>;
  nextExecution(): void;
  told(): Omit<RunHistory, 'isPartial'>;
}

function createReader(converter: LoadedDataConverter): Reader {
  const calls: HistoryCall[] = [];
  const moments = createMoments(converter);
  const openCalls = new Map<string, HistoryCall>();
  let startedMs = 0;
  const decoded = async (payloads: Payload[] | null | undefined): Promise<unknown> =>
    (await decode(converter, payloads))[0];

  async function readCall(event: HistoryEvent): Promise<void> {
    const at = msOf(event.eventTime);
    const { activityTaskScheduledEventAttributes: asked, activityTaskStartedEventAttributes: started } = event;
    if (asked) {
      const call = await callAsked(converter, event, asked);
      openCalls.set(String(event.eventId), call);
      calls.push(call);
    }
    if (started) {
      const call = openCalls.get(String(started.scheduledEventId));
      if (!call) return;
      Object.assign(call, { startMs: at, attempt: started.attempt ?? 1, worker: started.identity ?? '' });
      call.attempts = await attemptsOf(converter, call, started.lastFailure);
    }
    const ended =
      event.activityTaskCompletedEventAttributes ??
      event.activityTaskFailedEventAttributes ??
      event.activityTaskTimedOutEventAttributes ??
      event.activityTaskCanceledEventAttributes;
    const call = openCalls.get(String(ended?.scheduledEventId));
    if (!call) return;
    call.endMs = at;
    call.status = event.activityTaskCompletedEventAttributes
      ? 'done'
      : event.activityTaskCanceledEventAttributes
        ? 'cancelled'
        : 'failed';
    const last = call.attempts.at(-1);
    if (last) last.endMs = at;
    const failed = event.activityTaskFailedEventAttributes ?? event.activityTaskTimedOutEventAttributes;
    if (failed?.failure && last) last.failure = await failureOf(converter, failed.failure);
    await takeResult(call, event.activityTaskCompletedEventAttributes?.result?.payloads);
  }

  async function takeResult(call: HistoryCall, payloads: Payload[] | null | undefined): Promise<void> {
    const result = call.key ? resultSchema.safeParse(await decoded(payloads)) : undefined;
    if (!result?.success) return;
    const { kind, reason = '', reused } = result.data;
    call.reused = reused;
    if (kind === 'wait' || kind === 'compact') call.instead = { kind, reason };
  }

  return {
    read: async (event) => {
      if (event.workflowExecutionStartedEventAttributes && startedMs === 0) startedMs = msOf(event.eventTime);
      await readCall(event);
      await moments.read(event);
    },
    nextExecution: () => {
      openCalls.clear();
      moments.nextExecution();
    },
    told: () => ({ startedMs, calls, ...moments.told() }),
  };
}

/** Timers, and what people did. */
function createMoments(converter: LoadedDataConverter) {
  const timers: HistoryTimer[] = [];
  const acts: HistoryAct[] = [];
  const openTimers = new Map<string, HistoryTimer>();
  const decoded = async (payloads: Payload[] | null | undefined): Promise<unknown> =>
    (await decode(converter, payloads))[0];

  async function readTimer(event: HistoryEvent): Promise<void> {
    const at = msOf(event.eventTime);
    const {
      timerStartedEventAttributes: started,
      timerFiredEventAttributes: fired,
      timerCanceledEventAttributes: stopped,
    } = event;
    if (started) {
      const summary = await decoded(event.userMetadata?.summary ? [event.userMetadata.summary] : undefined);
      const timer: HistoryTimer = { startMs: at, label: typeof summary === 'string' ? summary : '' };
      openTimers.set(String(event.eventId), timer);
      timers.push(timer);
    }
    const timer = openTimers.get(String((fired ?? stopped)?.startedEventId));
    if (!timer) return;
    timer.endMs = at;
    if (stopped) timer.isCancelled = true;
  }

  async function readAct(event: HistoryEvent): Promise<void> {
    const atMs = msOf(event.eventTime);
    const signal = event.workflowExecutionSignaledEventAttributes;
    const update = event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.input;
    const what = signal?.signalName ?? update?.name;
    if (event.workflowExecutionCancelRequestedEventAttributes) acts.push({ what: 'cancel', atMs, given: undefined });
    if (what === undefined || what === null || !ACTS.includes(what)) return;
    acts.push({ what, atMs, given: await decoded((signal?.input ?? update?.args)?.payloads) });
  }

  return {
    read: async (event: HistoryEvent): Promise<void> => {
      await readTimer(event);
      await readAct(event);
    },
    nextExecution: () => openTimers.clear(),
    told: () => ({ timers, acts }),
  };
}
