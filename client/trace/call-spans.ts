// The calls of a run as spans: from their records, with what its history adds, and those that have no record.
import type { RunCall } from '../../activities/store/run-calls';
import { COMPACTION_INDEX } from '../../workflows/contract/context';
import { ACTIVITY_NAMES } from '../../workflows/contract/names';
import type { ModelRecord, Tried } from '../../workflows/contract/schemas/call-record';
import { counted } from '../format';
import type { HistoryCall } from './run-history';
import type { TraceSpan } from './trace-shapes';
import { callName, sharedText, type TracedCall } from './traced-call';
import type { TracedRun } from './traced-run';

/** Without its place in the tree. */
export type CallSpan = Omit<TraceSpan, 'parent' | 'depth'>;

/** By the place of the call: each time that it was asked for, oldest first. */
export function historyByCall({ history }: TracedRun): Map<string, HistoryCall[]> {
  const byCall = new Map<string, HistoryCall[]>();
  if (typeof history === 'string') return byCall;
  for (const call of history.calls)
    if (call.key) byCall.set(callName(call.key), [...(byCall.get(callName(call.key)) ?? []), call]);
  return byCall;
}

/** @param asked each time that the run asked for it */
export function recordedSpan(
  { record: { id } }: TracedRun,
  { record, turn, fork, index, number }: RunCall,
  traced: TracedCall,
  asked: readonly HistoryCall[],
): CallSpan {
  const made = asked.findLast(({ status, instead }) => status === 'done' && !instead);
  const note = noteOf(record, traced, made);
  const tried = record.kind === 'model' || record.kind === 'compaction' ? record.tried : undefined;
  return {
    ...{ id: `${id}/${callName({ fork, turn, index })}`, run: id, call: number, turn, fork, index },
    kind: traced.kind,
    name: traced.name,
    status: record.kind === 'started-tool' ? 'open' : traced.failure === null ? 'done' : 'failed',
    // The record is of the attempt that succeeded: those before it belong to the call, too.
    startMs: made && record.attempt > 1 ? Math.min(made.scheduledMs, record.startedAt) : record.startedAt,
    endMs: record.kind === 'started-tool' ? null : record.endedAt,
    ...(traced.asked === null ? {} : { asked: traced.asked }),
    ...(traced.preview === '' ? {} : { preview: traced.preview }),
    ...(note === '' ? {} : { note }),
    ...(traced.failure === null ? {} : { failure: failureOf(record, traced.failure) }),
    attempt: record.attempt,
    ...(traced.usage ? { usage: traced.usage } : {}),
    ...(traced.cost ? { cost: traced.cost } : {}),
    ...(traced.cached ? { cached: cachedOf(traced.cached) } : {}),
    ...(record.kind === 'model' && record.batch ? { shared: sharedOf(record.batch) } : {}),
    ...(traced.reused === true ? { reused: true } : {}),
    ...(tried ? { tried: tried.map(triedOf) } : {}),
    worker: record.worker,
    release: record.release,
    ...(made ? ofHistory(made) : {}),
  };
}

function failureOf(record: RunCall['record'], type: string): NonNullable<TraceSpan['failure']> {
  const message = record.kind === 'model' ? record.answer.problem?.message : undefined;
  return { type, ...(message === undefined ? {} : { message }) };
}

const cachedOf = ({ run, at, near, saved }: NonNullable<TracedCall['cached']>): NonNullable<TraceSpan['cached']> => ({
  ...{ run, at, near },
  ...(saved ? { saved } : {}),
});

const sharedOf = ({ item, of, alone }: NonNullable<ModelRecord['batch']>): NonNullable<TraceSpan['shared']> => ({
  ...{ item, of },
  ...(alone === undefined ? {} : { alone }),
});

const triedOf = ({ route, failure, why, ms, attempt }: Tried): NonNullable<TraceSpan['tried']>[number] => ({
  ...{ route, failure, ms },
  ...(why === undefined ? {} : { why }),
  ...(attempt === undefined ? {} : { attempt }),
});

/** An attempt's own start is known of the last one alone: so is how long it waited for a worker. */
const ofHistory = ({ attempt, attempts, scheduledMs, startMs, taskQueue }: HistoryCall): Partial<CallSpan> => ({
  attempts,
  taskQueue,
  ...(attempt === 1 && startMs !== undefined ? { queuedMs: Math.max(0, startMs - scheduledMs) } : {}),
});

/** Why it went as it did, in sentences. */
function noteOf(record: RunCall['record'], traced: TracedCall, made: HistoryCall | undefined): string {
  const before = made?.attempts.find(({ failure }) => failure)?.failure;
  const retried =
    record.attempt > 1
      ? [
          `tried ${record.attempt} times${before ? `: the attempt before failed with ${before.type}: ${before.message}` : ''}`,
        ]
      : [];
  return [
    ...retried,
    ...fellBack(record),
    ...(record.kind === 'model' ? modelNotes(record) : []),
    ...(record.kind === 'tool' ? toolNotes(record) : []),
    ...(traced.reused ? ['taken from its record, not made again'] : []),
  ].join('; ');
}

function fellBack(record: RunCall['record']): string[] {
  if (record.kind === 'tool') {
    const failed = record.failedBefore ?? [];
    return failed.map(({ name, type }) => `stands in for ${name}, which failed with ${type}`);
  }
  if (record.kind === 'started-tool') return [];
  return (record.tried ?? []).map(({ route, failure, why }) =>
    failure === 'cooling'
      ? `${route} was not asked: it was cooling down`
      : `${route} was asked before and did not answer: ${failure}${why === undefined ? '' : `: ${why}`}`,
  );
}

function modelNotes({ answer, origin, batch }: ModelRecord): string[] {
  const { pruned, notices, tenantLeft } = answer;
  return [
    ...(pruned
      ? [`${counted(pruned.results, 'tool result')} (${pruned.tokens} tokens) left out, to fit the window`]
      : []),
    ...(notices ?? []).map(({ preview }) => `the run told it first: ${preview}`),
    ...(origin
      ? [`given the answer that run ${origin.run} got to ${origin.near ? 'nearly ' : ''}the same question`]
      : []),
    ...(batch ? [sharedText(batch)] : []),
    ...(tenantLeft ?? []).filter(({ left }) => left <= 0).map(({ of }) => `nothing is left of its tenant's ${of}`),
  ];
}

function toolNotes({ repeats, person }: Extract<RunCall['record'], { kind: 'tool' }>): string[] {
  return [
    ...(repeats ? [`not run: it is the action of turn ${repeats.turn}, call ${repeats.index}, again`] : []),
    ...(person ? [`by the decision on request ${person.request}${person.edited ? ', with other arguments' : ''}`] : []),
  ];
}

/** A call that nothing was recorded of: under way, failed for good, or told to wait. */
export function unrecordedSpan({ record: { id } }: TracedRun, call: HistoryCall, nth: number): CallSpan {
  const { key, status, attempts, attempt } = call;
  const failed = attempts.at(-1)?.failure;
  const isRefused = kindOf(call) === 'model' && status === 'failed' && failed !== undefined && isRefusal(failed.type);
  return {
    id: `${id}/${key ? callName(key) : call.activity}#${nth}`,
    run: id,
    ...(key ?? {}),
    kind: isRefused ? 'decision' : kindOf(call),
    name: isRefused ? 'asks no more' : call.label === '' ? call.activity : call.label,
    ...(isRefused ? { note: 'the model was not asked again' } : {}),
    status,
    startMs: call.startMs ?? call.scheduledMs,
    endMs: call.endMs ?? null,
    ...(call.instead ? { note: call.instead.reason } : {}),
    ...(failed && status === 'failed' ? { failure: failed } : {}),
    attempt,
    attempts,
    taskQueue: call.taskQueue,
    ...(call.worker === undefined ? {} : { worker: call.worker }),
    ...ofHistory(call),
  };
}

/** Found before the model is asked: that it goes in circles, or may use no more. */
const isRefusal = (type: string): boolean => type.startsWith('Loop.') || type.startsWith('Budget.');

function kindOf({ activity, key }: HistoryCall): CallSpan['kind'] {
  if (activity === ACTIVITY_NAMES.callModel) return 'model';
  if (activity === ACTIVITY_NAMES.callTool) return 'tool';
  return activity === ACTIVITY_NAMES.compactContext || key?.index === COMPACTION_INDEX ? 'compaction' : 'work';
}
