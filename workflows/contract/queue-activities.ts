// What a queue's workflow has done for it: runs are started, and it is learned what became of them.
import type { RunFailure } from './failures';
import type { LeavingRun, DegradeStep, QueueSettings } from './queue';
import type { RunEnded } from './run-ended';

export interface RunToStart {
  /** Id of a run that is recorded. */
  run: string;
  /** What the load takes from it. */
  step?: DegradeStep;
}

export interface StartRunsInput {
  /** Id of the workflow that hears of their ends. */
  tells: string;
  /** At most 50. */
  runs: RunToStart[];
  queue: QueueLoad;
}

/** A queue as it is when an activity is asked for: its newest settings are told back. */
export interface QueueLoad {
  queue: string;
  shard: number;
  waiting: number;
  running: number;
}

export type StartedRun =
  /** It goes on, whether it was started now or before. */
  | { run: string; kind: 'started' }
  /** Its record says that it has ended. */
  | ({ kind: 'ended' } & RunEnded)
  /** It cannot be started. Where it has a record, that says so. */
  | { run: string; kind: 'refused'; failure: RunFailure };

export interface StartRunsResult {
  runs: StartedRun[];
  settings?: QueueSettings;
}

export interface ReconcileRunsInput {
  runs: string[];
  queue: QueueLoad;
}

export interface ReconcileRunsResult {
  /** Those of them that have ended. */
  ended: RunEnded[];
  settings?: QueueSettings;
}

export interface EndWaitingInput {
  runs: LeavingRun[];
  queue: QueueLoad;
}

/** Each may be repeated, and changes nothing then. */
export interface QueueActivities {
  startRuns(input: StartRunsInput): Promise<StartRunsResult>;
  /** Asks the store, and Temporal where that says nothing, which of them have ended. One that has and could not say so is recorded. */
  reconcileRuns(input: ReconcileRunsInput): Promise<ReconcileRunsResult>;
  /** Records the ends of runs that have never begun. */
  endWaiting(input: EndWaitingInput): Promise<void>;
}
