// Binds the activities to their ports and to Temporal's context: heartbeats, cancellation, and the last word on error types.
import { ApplicationFailure, CancelledFailure, Context, activityInfo } from '@temporalio/activity';
import type { AgentActivities, CallToolInput } from '../workflows/contract/activities';
import type { SpentDetails } from '../workflows/contract/cost';
import { beginSubRun } from './begin-sub-run';
import { callModel } from './call-model';
import { callTool } from './call-tool';
import { compactContext } from './compact-context';
import type { ActivityDeps, Attempt } from './deps';
import { depsOf } from './deps-of-tenant';
import { endRun } from './end-run';
import { failure } from './failure';
import { safeText } from './redact';
import { spentBy } from './gateway/money/spending';
import { takeMessage } from './take-message';
import { takeResult } from './take-result';
import { takeSubRun } from './take-sub-run';
import { tellPeople } from './tell-people';
import { tellToolFailure } from './tell-tool-failure';

export type ToolboxCall = (input: CallToolInput, attempt: Attempt) => ReturnType<AgentActivities['callTool']>;

/** Each beat is a database write. The workflow's heartbeat timeout leaves room for one to be lost. */
const HEARTBEAT_INTERVAL_MS = 5_000;

export function createActivities(deps: ActivityDeps): AgentActivities {
  return {
    callModel: (input) => attended((attempt) => callModel(depsOf(deps, input), input, attempt)),
    compactContext: (input) => attended((attempt) => compactContext(depsOf(deps, input), input, attempt)),
    callTool: (input) => attended((attempt) => callTool(depsOf(deps, input), input, attempt)),
    tellToolFailure: (input) => attended((attempt) => tellToolFailure(depsOf(deps, input), input, attempt)),
    tellPeople: (input) => attended((attempt) => tellPeople(depsOf(deps, input), input, attempt)),
    takeResult: (input) => attended((attempt) => takeResult(depsOf(deps, input), input, attempt)),
    beginSubRun: (input) => attended((attempt) => beginSubRun(depsOf(deps, input), input, attempt)),
    takeSubRun: (input) => attended((attempt) => takeSubRun(depsOf(deps, input), input, attempt)),
    takeMessage: (input) => attended(() => takeMessage(depsOf(deps, input), input)),
    endRun: (input) => attended((attempt) => endRun(depsOf(deps, input), input, attempt)),
  };
}

/** What is registered on the task queue of a toolbox: its calls, made by whoever has the toolbox's process. */
export const createToolboxActivities = (call: ToolboxCall): Pick<AgentActivities, 'callTool'> => ({
  callTool: (input) => attended((attempt) => call(input, attempt)),
});

function withDetails(error: ApplicationFailure, spent: SpentDetails): ApplicationFailure {
  const { message, type, nonRetryable, nextRetryDelay, cause } = error;
  return ApplicationFailure.create({
    message,
    details: [spent],
    ...(type ? { type } : {}),
    ...(nonRetryable ? { nonRetryable } : {}),
    ...(nextRetryDelay ? { nextRetryDelay } : {}),
    ...(cause ? { cause } : {}),
  });
}

/** Every activity goes through here, so none forgets to beat, and none lets an untyped error out. */
async function attended<T>(work: (attempt: Attempt) => Promise<T>): Promise<T> {
  const context = Context.current();
  const info = activityInfo();
  // Each beat takes the place of the one before: what an earlier attempt has told is told on.
  let told: unknown = info.heartbeatDetails;
  const beat = info.heartbeatTimeoutMs ? setInterval(() => context.heartbeat(told), HEARTBEAT_INTERVAL_MS) : undefined;
  try {
    return await work({
      number: info.attempt,
      workflowId: info.workflowExecution?.workflowId ?? info.activityId,
      runId: info.workflowExecution?.runId ?? '',
      scheduledAt: info.currentAttemptScheduledTimestampMs,
      timeoutMs: info.startToCloseTimeoutMs,
      signal: context.cancellationSignal,
      told,
      tell: (details) => {
        told = details;
        context.heartbeat(details);
      },
    });
  } catch (error) {
    // Without a cause: what a stopped call throws is of no use to anyone, and nobody has looked through it for secrets.
    // Numbers only, for the run's totals.
    const spent = spentBy(error);
    if (context.cancellationSignal.aborted) throw new CancelledFailure('cancelled', spent ? [spent] : []);
    if (error instanceof ApplicationFailure) throw spent ? withDetails(error, spent) : error;
    if (error instanceof CancelledFailure) throw error;
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    throw failure(
      'Runtime.Unexpected',
      safeText(text),
      error instanceof Error ? { cause: new Error(safeText(text)) } : {},
    );
  } finally {
    clearInterval(beat);
  }
}
