// Another release of its agent, which a run goes on with from its next turn on.
import type { CallContext } from './activities';
import type { RunPlan } from './run';

/** Of an update: the manifest's hash, and what the workflow must know of it. */
export interface TakeReleaseRequest {
  release: string;
  plan: RunPlan;
  /** How many messages its caller has looked at: refused with `GROWN_SINCE` where there are others. @default whoever asks has not looked */
  length?: number;
}

/** What the run has said since may not fit: whoever asks looks again. */
export const GROWN_SINCE = 'it has gone on since its conversation was looked at';

/** What of it continue-as-new carries. */
export interface ReleaseMove {
  /** Asked for: taken when the next turn begins. */
  to?: TakeReleaseRequest;
  /** Taken by this execution, from this one: until the run's record says so. */
  from?: string;
}

export interface TakeReleaseInput extends CallContext {
  /** The release that it went by until now. */
  from: string;
}

export interface TakeReleaseActivities {
  /** The run's record names the release of its context from now on. */
  takeRelease(input: TakeReleaseInput): Promise<void>;
}
