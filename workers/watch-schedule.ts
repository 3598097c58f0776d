// What a worker does for the watch: the Temporal Schedule by which agents are looked at, and runs that are unlike the others.
import { setTimeout } from 'node:timers/promises';
import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  isGrpcServiceError,
  type Client,
} from '@temporalio/client';
import { Runtime } from '@temporalio/worker';
import type { ActivityDeps } from '../activities';
import { keepOddRun, type FindingDeps, type OddRun } from '../activities/watch/keep-finding';
import { createTokensTaken } from '../activities/watch/tokens-taken';
import type { WatchSettings } from '../activities/watch/watch-settings';
import { WORKFLOW_TYPES, controlQueue } from '../workflows/contract/names';
import { agentWatchId, type AgentWatchInput } from '../workflows/contract/watch';

/** What a process that makes calls does with runs that are unlike the others. */
export function oddRuns(
  { tokensTimes: times }: Pick<WatchSettings, 'tokensTimes'>,
  deps: FindingDeps,
): Required<Pick<ActivityDeps, 'oddRunFound' | 'tokensTaken'>> {
  const oddRunFound = async (odd: OddRun): Promise<void> => void (await keepOddRun(deps, odd));
  return { oddRunFound, tokensTaken: createTokensTaken({ store: deps.store, now: deps.now, times, oddRunFound }) };
}

/** After so long without a server a look is not made up for: the next one sees the same. */
const CATCH_UP = '1m';
/** More than all attempts take. A look that fell to a worker from before there was a watch, which cannot do it, keeps no other waiting. */
const LOOK_TIMEOUT_MS = 10 * 60_000;

const FIRST_PAUSE_MS = 1_000;
const PAUSE_MOST_MS = 60_000;
/** gRPC's number of "there is no such method". */
const UNIMPLEMENTED = 12;

/**
 * Until Temporal has taken the schedule: a server that is just starting, or busy, refuses it, and takes it later. Meanwhile the worker serves
 * its runs. A server without schedules is not asked again.
 * @returns whatever Temporal says, and once `signal` is aborted
 */
export async function keepWatch(
  temporal: Client,
  taskQueue: string,
  watch: Pick<WatchSettings, 'everyMs'> | undefined,
  signal: AbortSignal,
): Promise<void> {
  for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(PAUSE_MOST_MS, 2 * pauseMs)) {
    try {
      await temporal.connection.withAbortSignal(signal, () => keepWatchSchedule(temporal, taskQueue, watch));
      return;
    } catch (error) {
      if (signal.aborted) return;
      Runtime.instance().logger.warn('agents are not watched: Temporal takes no schedule', { error });
      if (isUnimplemented(error)) return;
      await setTimeout(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

const isUnimplemented = (error: unknown): boolean =>
  (isGrpcServiceError(error) && Number(error.code) === UNIMPLEMENTED) ||
  (error instanceof Error && error.cause !== undefined && isUnimplemented(error.cause));

/** Of all workers of a task queue one schedule, with the pace of the one that was started last. @throws what Temporal refuses it with */
export async function keepWatchSchedule(
  temporal: Client,
  taskQueue: string,
  watch: Pick<WatchSettings, 'everyMs'> | undefined,
): Promise<void> {
  const scheduleId = agentWatchId(taskQueue);
  const handle = temporal.schedule.getHandle(scheduleId);
  if (!watch) return void (await handle.delete().catch(unlessMissing));
  const input: AgentWatchInput = { schemaVersion: 1 };
  const spec = { intervals: [{ every: watch.everyMs }] };
  const action = {
    type: 'startWorkflow' as const,
    workflowType: WORKFLOW_TYPES.agentWatch,
    workflowId: scheduleId,
    taskQueue: controlQueue(taskQueue),
    workflowExecutionTimeout: LOOK_TIMEOUT_MS,
    args: [input],
  };
  const policies = { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: CATCH_UP } as const;
  try {
    await temporal.schedule.create({ scheduleId, spec, policies, action });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await handle.update((known) => ({ ...known, spec, policies, action }));
  }
}

function unlessMissing(error: unknown): void {
  if (!(error instanceof ScheduleNotFoundError)) throw error;
}
