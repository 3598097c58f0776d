// The result of a run as a caller reads it: a union on the outcome, its output resolved from the store.
import type { RunFailure } from '../workflows/contract/failures';
import type { RunTotals } from '../workflows/contract/run';

interface Ended {
  runId: string;
  /** The last checkpoint: names the whole conversation. Null when nothing was said. */
  checkpoint: string | null;
  /** Messages in the conversation. */
  length: number;
  totals: RunTotals;
}

export type RunResult<Output> = Ended &
  (
    | { outcome: 'completed'; output: Output }
    | { outcome: 'failed' | 'escalated' | 'cancelled'; failure: RunFailure }
    | {
        outcome: 'budget-exhausted';
        failure: RunFailure;
        /** The last text that the model had said, whatever the agent's output is. Absent where it had said nothing. */
        achieved?: string;
      }
  );
