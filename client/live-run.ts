// What Temporal knows of a run now: its status, what is under way, and whether it is stuck.
import { WorkflowNotFoundError, type Client, type WorkflowExecutionDescription } from '@temporalio/client';
import type { PayloadCodec } from '@temporalio/common';
import { isFailureType } from '../workflows/contract/failures';
import { ACTIVITY_NAMES, QUERY_NAMES } from '../workflows/contract/names';
import type { RunProgress } from '../workflows/contract/run';
import { problemsOf } from './stuck-run';
import { failureText } from './failure-text';

export interface PendingCall {
  what: string;
  /** As the run shows it: the tool and its arguments, say. Where one call is under way, or all have a worker's answer. */
  label?: string;
  /** From 1. */
  attempt: number;
  /** Milliseconds since the epoch. */
  since?: number;
  lastFailure?: string;
}

export interface LiveRun {
  /** As a run's progress says, where a worker answered; else Temporal's own, in lower case. */
  status: string;
  /** Why it waits or is paused. */
  reason?: string;
  firstRunId: string;
  /** Why it makes no headway although it runs: failing workflow tasks. Empty when it does. */
  problems: string[];
  pending: PendingCall[];
  progress?: RunProgress;
}

/** A worker that is there answers in milliseconds; a list must not wait for one that is not. */
const QUERY_MS = 1_000;

/** Undefined when Temporal does not know the run (any more, or yet). */
export async function liveRun(temporal: Client, id: string): Promise<LiveRun | undefined> {
  const handle = temporal.workflow.getHandle(id);
  let description: WorkflowExecutionDescription;
  try {
    description = await handle.describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
  const isRunning = description.status.name === 'RUNNING';
  // Without a worker there is no answer; then Temporal's own status is all that can be told.
  const progress = isRunning
    ? await temporal.connection
        .withDeadline(Date.now() + QUERY_MS, () => handle.query<RunProgress>(QUERY_NAMES.progress))
        .catch(() => undefined)
    : undefined;
  return {
    status: progress?.status ?? description.status.name.toLowerCase().replaceAll('_', ' '),
    ...(progress?.reason === undefined ? {} : { reason: progress.reason }),
    firstRunId: description.raw.workflowExecutionInfo?.firstRunId || description.runId,
    problems: isRunning ? problemsOf(description) : [],
    pending: labelled(await pendingOf(description, temporal.options.loadedDataConverter.payloadCodecs), progress),
    ...(progress ? { progress } : {}),
  };
}

/** The run's own running steps, where they are as many: they began in the same order. */
function labelled(pending: readonly PendingCall[], progress: RunProgress | undefined): PendingCall[] {
  const running = progress?.steps.filter(({ state }) => state === 'running') ?? [];
  if (running.length !== pending.length) return [...pending];
  return pending.map((call, at) => ({ ...call, ...(running[at] ? { label: running[at].label } : {}) }));
}

/** What is under way, and why it is tried again. */
export async function pendingOf(
  { raw }: WorkflowExecutionDescription,
  codecs: readonly PayloadCodec[],
): Promise<PendingCall[]> {
  const known: readonly string[] = Object.values(ACTIVITY_NAMES);
  // Temporal tells them in any order; they are numbered as they were asked for.
  const pending = (raw.pendingActivities ?? []).toSorted((a, b) => Number(a.activityId) - Number(b.activityId));
  const texts = await Promise.all(
    pending.map(({ lastFailure }) => (lastFailure ? failureText(codecs, lastFailure) : Promise.resolve(''))),
  );
  return pending.map(({ activityType, attempt, lastStartedTime, lastFailure }, at): PendingCall => {
    const name = activityType?.name ?? '';
    const type = lastFailure?.applicationFailureInfo?.type;
    const failure = [isFailureType(type) ? type : undefined, texts[at]].filter(Boolean).join(': ');
    const since = Number(lastStartedTime?.seconds ?? 0) * 1_000 + Math.round((lastStartedTime?.nanos ?? 0) / 1e6);
    return {
      what: known.includes(name) ? name : 'activity',
      attempt: attempt ?? 1,
      ...(since > 0 ? { since } : {}),
      ...(failure === '' ? {} : { lastFailure: failure }),
    };
  });
}
