// The run workflow: binds the pure core to Temporal. What a run does is in core/; this file is only how it is held up.
import { ApplicationFailureCategory } from '@temporalio/common';
import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  patched,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { AgentRunInput, AgentRunResult } from './contract/run';
import { bindActivities } from './activity-proxies';
import type { Run, RunEnvironment } from './core/environment';
import { followedBy } from './core/followed-by';
import { goesOnAs } from './core/take-release';
import { initialState } from './core/run-state';
import { runAgent } from './core/run-agent';
import { meaningOf, spentBy } from './failure-meaning';
import { bindHandlers } from './run-handlers';
import { cancelSubAgent, runSubAgent } from './run-sub-agent';
import { tellAsks } from './caller-webhook';
import { tellEnd } from './tell-end';
import { showDetails, showEnd, showRelease } from './visibility';

/** A cancel with a reason is an update followed by Temporal's own cancel: how long the second is waited for, to end as Cancelled. */
const CANCEL_GRACE_MS = 1_000;

/**
 * One run of one agent.
 * @returns the result of a completed run; every other outcome fails or cancels the execution, with the result in its details.
 */
export async function agentRun(input: AgentRunInput): Promise<AgentRunResult> {
  const root = CancellationScope.current();
  const work = new CancellationScope();
  const state = initialState(input, Date.now());
  const environment = bindEnvironment({ input, state }, work, () => showDetails(input, state));
  const run: Run = { input, state, firstRunId: workflowInfo().firstExecutionRunId, environment };
  bindHandlers(run, work);
  showDetails(input, state);
  if (state.kept.move?.from !== undefined) showRelease(input);

  let ending = await work.run(() => runAgent(run));
  // What was said too late is refused, and not left unanswered.
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
  if (ending.kind === 'continue-as-new' && !work.consideredCancelled)
    return continueAsNew<typeof agentRun>(goesOnAs(input, ending.carried));
  // A cancel came meanwhile, and the next execution would not hear of it: the first call that is made ends the run.
  if (ending.kind === 'continue-as-new') ending = await work.run(() => runAgent(run));
  if (ending.kind === 'continue-as-new') throw new Error('a run that is cancelled goes on as new.');
  showDetails(input, state);
  showEnd(ending.result);
  // Of a sub-agent's run its caller's watch is told what it asks, and not that it has ended.
  for (const told of [input.tells, input.alsoTells, input.parent ? undefined : input.watchedBy])
    if (told !== undefined) await tellEnd(told, ending.result, state.kept.startedAt);
  return conclude(ending.result, root);
}

function bindEnvironment(
  { input, state }: Pick<Run, 'input' | 'state'>,
  work: CancellationScope,
  show: () => void,
): RunEnvironment {
  const activities = bindActivities(input.plan);
  const shown = <T>(work: Promise<T>): Promise<T> => {
    show();
    return followedBy(work, show);
  };
  return {
    callModel: (call, summary) => shown(activities.callModel(call, summary)),
    compactContext: (call, summary) => shown(activities.compactContext(call, summary)),
    callTool: (call, plan, summary) => shown(activities.callTool(call, plan, summary)),
    tellToolFailure: (call) => shown(activities.tellToolFailure(call)),
    tellPeople: async (call) => {
      await shown(activities.tellPeople(call));
      if (input.watchedBy !== undefined && call.about === 'asked')
        await tellAsks(input.watchedBy, { run: workflowInfo().workflowId, number: call.request.number });
    },
    takeResult: (call) => shown(activities.takeResult(call)),
    beginSubRun: (call) => shown(activities.beginSubRun(call)),
    takeSubRun: (call) => shown(activities.takeSubRun(call)),
    runSubAgent: (start, summary) => shown(runSubAgent(start, summary, () => state.cancel?.reason)),
    cancelSubAgent: (id) => cancelSubAgent(id, state.cancel?.reason),
    takeMessage: (call) => shown(activities.takeMessage(call)),
    takeRelease: (call) => shown(activities.takeRelease(call)),
    endRun: (call) => shown(activities.endRun(call)),
    now: () => Date.now(),
    until: (holds, timeoutMs, summary) => shown(until(holds, timeoutMs, summary)),
    isCancelled: () => work.consideredCancelled,
    uninterrupted: (work) => CancellationScope.nonCancellable(work),
    meaningOf,
    spentBy,
    waitsByItself: () => patched('wait-for-store'),
    // The next execution would not hear of a cancel that this one was sent: it is ended here, at the next call.
    shouldContinueAsNew: () => workflowInfo().continueAsNewSuggested && !work.consideredCancelled,
    // A provider that asks for patience for ever would make a history without end.
    shouldContinueWhileWaiting: () =>
      workflowInfo().continueAsNewSuggested && !work.consideredCancelled && patched('continue-while-waiting'),
    leavesAtRest: () => patched('leave-at-rest'),
    asksAgain: () => patched('ask-again'),
    staysForTools: () => patched('stay-for-tools'),
  };
}

async function until(holds: () => boolean, timeoutMs: number, summary: string): Promise<boolean> {
  if (holds()) return true;
  if (timeoutMs === Infinity) {
    await condition(holds);
    return true;
  }
  if (timeoutMs <= 0) return false;
  return await CancellationScope.cancellable(async () => {
    const timer = sleep(timeoutMs, { summary: summary.slice(0, 100) }).then(() => false);
    const met = condition(holds).then(() => true);
    try {
      return await Promise.race([timer, met]);
    } finally {
      CancellationScope.current().cancel();
    }
  });
}

async function conclude(result: AgentRunResult, root: CancellationScope): Promise<AgentRunResult> {
  if (result.outcome === 'completed') return result;
  const message = result.failure?.message ?? result.outcome;
  if (result.outcome === 'cancelled') {
    await CancellationScope.nonCancellable(() => condition(() => root.consideredCancelled, CANCEL_GRACE_MS));
    if (root.consideredCancelled) throw new CancelledFailure(message, [result]);
  }
  throw ApplicationFailure.create({
    type: result.failure?.type ?? 'Run.Cancelled',
    message,
    nonRetryable: true,
    details: [result],
    // A person ended it: no alarm, no error log.
    ...(result.outcome === 'cancelled' ? { category: ApplicationFailureCategory.BENIGN } : {}),
  });
}
