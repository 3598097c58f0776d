// What a run tells whoever has started it, and waits.
import type { RunFailure } from './failures';
import type { Outcome } from './run';

/** What a queue or a session is told of the end of a run of its. One that does not hear of it finds the same in the run's record. */
export interface RunEnded {
  /** Id of the run. */
  run: string;
  outcome: Outcome;
  failure?: RunFailure['type'];
  /** Names its whole conversation. */
  head: string | null;
  length: number;
  /** Milliseconds since the epoch, by the workflow's clock. */
  startedAt: number;
  endedAt: number;
}
