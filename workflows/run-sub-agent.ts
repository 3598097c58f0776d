// The run of a sub-agent, as Temporal's child: waited for to its end, whatever that is, and told why where it is cancelled.
import {
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  ParentClosePolicy,
  TerminatedFailure,
  TimeoutFailure,
  getExternalWorkflowHandle,
  startChild,
  workflowInfo,
  type ChildWorkflowHandle,
  type ExternalWorkflowHandle,
} from '@temporalio/workflow';
import { CancelledFailure, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { agentRun } from './agent-run';
import { isFailureType, type RunFailure } from './contract/failures';
import { FAILURE_CHARS, REASON_CHARS } from './contract/limits';
import { MEMO_KEYS, WORKFLOW_TYPES } from './contract/names';
import type { AgentRunResult } from './contract/run';
import type { SubAgentEnd, SubAgentStart } from './core/environment';
import { parentCancelledSignal } from './messages';
import { startAttributes } from './visibility';

type Child = ChildWorkflowHandle<typeof agentRun>;

/** @param whyCancelled of this run, once it is being cancelled */
export async function runSubAgent(
  { id, input, question }: SubAgentStart,
  summary: string,
  whyCancelled: () => string | undefined,
): Promise<SubAgentEnd> {
  // Shielded, so that the reason comes before the cancel.
  const asked = CancellationScope.current();
  return await CancellationScope.nonCancellable(async () => {
    const own = new CancellationScope();
    const child = await own.run(() => started());
    if (!child) return { kind: 'elsewhere' };
    let isOver = false;
    const passOn = async (): Promise<void> => {
      if (isOver) return;
      await tell(child, whyCancelled());
      own.cancel();
    };
    asked.cancelRequested.catch(() => passOn());
    try {
      return await own.run(() => endOf(child));
    } finally {
      isOver = true;
    }
  });

  async function started(): Promise<Child | undefined> {
    try {
      return await startChild<typeof agentRun>(WORKFLOW_TYPES.agentRun, {
        workflowId: id,
        args: [input],
        // One that works for nobody would cost, and do, what nobody waits for.
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        memo: { [MEMO_KEYS.question]: question },
        typedSearchAttributes: startAttributes(input),
        staticSummary: `${input.agent}: ${question}`.slice(0, 180),
        staticDetails: summary,
      });
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
      throw error;
    }
  }
}

/** What is over by now needs none. */
const tell = async (run: Pick<ExternalWorkflowHandle, 'signal'>, reason: string | undefined): Promise<void> =>
  await run.signal(parentCancelledSignal, { reason: reasonOf(reason) }).catch(() => undefined);

function reasonOf(given: string | undefined): string {
  const why = given === undefined ? '' : `: ${given}`;
  return `run ${workflowInfo().workflowId}, which waits for it, is cancelled${why}`.slice(0, REASON_CHARS);
}

/** @returns false where there is none, or it is over */
export async function cancelSubAgent(id: string, reason: string | undefined): Promise<boolean> {
  const run = getExternalWorkflowHandle(id);
  await tell(run, reason);
  return await run.cancel().then(
    () => true,
    () => false,
  );
}

async function endOf(child: Child): Promise<SubAgentEnd> {
  try {
    return { kind: 'ended', result: await child.result() };
  } catch (error) {
    if (!(error instanceof ChildWorkflowFailure)) throw error;
    const { cause } = error;
    const details =
      cause instanceof ApplicationFailure || cause instanceof CancelledFailure ? cause.details : undefined;
    const [result] = details ?? [];
    if (isResult(result)) return { kind: 'ended', result };
    return { kind: 'lost', firstRunId: child.firstExecutionRunId, failure: lostBy(cause) };
  }
}

/** What a run ends with is its result, whatever its outcome. */
const isResult = (value: unknown): value is AgentRunResult =>
  typeof value === 'object' && value !== null && 'outcome' in value && 'totals' in value;

function lostBy(cause: Error | undefined): RunFailure {
  if (cause instanceof TerminatedFailure) return { type: 'Run.Cancelled', message: 'it was terminated.' };
  if (cause instanceof CancelledFailure) return { type: 'Run.Cancelled', message: 'it was cancelled before it began.' };
  if (cause instanceof TimeoutFailure) return { type: 'Budget.WallTimeExhausted', message: 'the execution timed out.' };
  if (cause instanceof ApplicationFailure && isFailureType(cause.type))
    return { type: cause.type, message: cause.message.slice(0, FAILURE_CHARS) };
  return { type: 'Runtime.Unexpected', message: (cause?.message ?? 'not known').slice(0, FAILURE_CHARS) };
}
