// Whoever has started a run, and waits for it, is told of its end.
import { CancellationScope, getExternalWorkflowHandle, workflowInfo } from '@temporalio/workflow';
import type { AgentRunResult } from './contract/run';
import type { RunEnded } from './contract/run-ended';
import { runEndedSignal } from './messages';

/** One that is not there any more need not know; one that is, and is not told, asks the store. @param to id of its workflow */
export async function tellEnd(
  to: string,
  { outcome, failure, head, length }: AgentRunResult,
  startedAt: number,
): Promise<void> {
  const ended: RunEnded = {
    run: workflowInfo().workflowId,
    outcome,
    ...(failure ? { failure: failure.type } : {}),
    head,
    length,
    startedAt,
    endedAt: Date.now(),
  };
  await CancellationScope.nonCancellable(() =>
    getExternalWorkflowHandle(to)
      .signal(runEndedSignal, ended)
      .catch(() => undefined),
  );
}
