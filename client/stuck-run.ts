// Whether a run makes headway, as Temporal's description of it tells.
import type { WorkflowExecutionDescription } from '@temporalio/client';

/** A deployment or a lost worker costs an attempt or two; from here on it is no accident. */
const STUCK_ATTEMPTS = 3;
const REPORTED_PROBLEMS = 'TemporalReportedProblems';

/** Why it makes none although it runs: failing workflow tasks. Empty when it does, or only waits for a worker. */
export function problemsOf({ raw, searchAttributes }: WorkflowExecutionDescription): string[] {
  const reported = searchAttributes[REPORTED_PROBLEMS] ?? [];
  const attempt = raw.pendingWorkflowTask?.attempt ?? 0;
  if (reported.length === 0 && attempt < STUCK_ATTEMPTS) return [];
  const failed = Math.max(1, attempt - 1);
  return [`its workflow task has failed ${failed} time${failed === 1 ? '' : 's'}`, ...reported.map(String)];
}
