// The one table of activity options: the only file that calls proxyActivities. Times are milliseconds unless they say otherwise.
//
// No activity has a scheduleToCloseTimeout: it would run on while everything is switched off, and a laptop that slept over the
// weekend would find its runs dead. Attempts and the run's own wall time bound the work instead.
import { ActivityCancellationType, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { ActivityOptions } from '@temporalio/common';
import type { AgentActivities } from './contract/activities';
import { toolQueue, toolboxQueue } from './contract/names';
import type { QueueActivities } from './contract/queue-activities';
import type { RunPlan, ToolPlan } from './contract/run';
import type { SessionActivities } from './contract/session';
import { WEBHOOK_ATTEMPTS, WEBHOOK_BACKOFF, type WatchActivities, type WebhookActivities } from './contract/webhook';
import type { RolloutActivities } from './contract/rollout';
import type { AgentWatchActivities } from './contract/watch';
import { MODEL_BACKOFF, RECORD_BACKOFF, TOOL_BACKOFF } from './core/backoff';

/** A dead worker is noticed after this long; each beat is a database write, so it is not shorter. */
const HEARTBEAT_TIMEOUT_MS = 12_000;
/** Storing the end is quick; what takes longer than this hangs. */
const RECORD_TIMEOUT_MS = 60_000;
/**
 * A tool's own timer ends it first, so that what it says of a time-out is known and stored; Temporal's is for an activity that does not
 * even come to that. What is stored after the tool's time is small, and takes milliseconds.
 */
const TOOL_GRACE_MS = 2_000;
/** For a debugger: as good as none, since Temporal wants a number. */
const INSPECT_TIMEOUT = '24h';

/** The end of a run must be recorded however long the store is away, so there is no maximum of attempts. */
const RECORD: ActivityOptions = {
  startToCloseTimeout: RECORD_TIMEOUT_MS,
  retry: RECORD_BACKOFF,
};

/** Whoever says something waits to hear that it is kept: not for longer than a person does. */
const SAID_RETRY = { ...RECORD_BACKOFF, maximumAttempts: 5 };
const SAID: ActivityOptions = {
  startToCloseTimeout: RECORD_TIMEOUT_MS,
  retry: SAID_RETRY,
};

function timeouts(ms: number, inspect: boolean | undefined): ActivityOptions {
  return inspect
    ? { startToCloseTimeout: INSPECT_TIMEOUT }
    : { startToCloseTimeout: ms, heartbeatTimeout: HEARTBEAT_TIMEOUT_MS };
}

export function modelOptions(plan: RunPlan): ActivityOptions {
  return {
    ...timeouts(plan.model.timeoutMs, plan.inspect),
    retry: { ...MODEL_BACKOFF, maximumAttempts: plan.model.attempts },
    // The run has ended only when nothing of it runs any more: the provider's socket is closed by then.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  };
}

export function toolOptions(name: string, plan: ToolPlan, inspect: boolean | undefined): ActivityOptions {
  return {
    ...timeouts(plan.timeoutMs + TOOL_GRACE_MS, inspect),
    retry: { ...TOOL_BACKOFF, maximumAttempts: plan.attempts },
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    ...(plan.toolbox === undefined ? {} : { taskQueue: queueOf(name, plan.toolbox, plan) }),
  };
}

function queueOf(tool: string, toolbox: string, { hasRate }: ToolPlan): string {
  const { taskQueue } = workflowInfo();
  return hasRate ? toolQueue(taskQueue, toolbox, tool) : toolboxQueue(taskQueue, toolbox);
}

const activities = proxyActivities<AgentActivities>(RECORD);

/** Each call carries a summary, which labels it in the Web UI. 200 bytes are shown there at most. */
const summaryOf = (text: string): { summary: string } => ({ summary: text.slice(0, 100) });

/**
 * Of the control worker: each takes milliseconds. Where its worker is killed another has it after this long, and meanwhile a message waits;
 * an activity that is cut off and goes on beside its repeat changes nothing by it.
 */
const CONTROL: ActivityOptions = { startToCloseTimeout: 10_000, retry: RECORD_BACKOFF };

const sessions = proxyActivities<SessionActivities>(CONTROL);

/** Of the workflows that hold sessions, on their own task queue. What is away is waited for: a message that was accepted is answered. */
export const sessionActivities: SessionActivities = {
  beginSessionRun: (input) =>
    sessions.beginSessionRun.executeWithOptions({ ...CONTROL, ...summaryOf(`begins run ${input.mail.run}`) }, [input]),
  keepSession: (input) =>
    sessions.keepSession.executeWithOptions({ ...CONTROL, ...summaryOf('keeps where it came to') }, [input]),
  steerSessionRun: (input) =>
    sessions.steerSessionRun.executeWithOptions(
      { ...CONTROL, retry: SAID_RETRY, ...summaryOf(`tells run ${input.run}`) },
      [input],
    ),
  withdrawSessionRun: (input) =>
    sessions.withdrawSessionRun.executeWithOptions({ ...CONTROL, ...summaryOf(`takes back run ${input.run}`) }, [
      input,
    ]),
  findRunEnd: (run) => sessions.findRunEnd.executeWithOptions({ ...CONTROL, ...summaryOf(`looks for ${run}`) }, [run]),
  dropMessages: (input) =>
    sessions.dropMessages.executeWithOptions({ ...CONTROL, ...summaryOf('drops what waits') }, [input]),
  wakeSession: (input) =>
    sessions.wakeSession.executeWithOptions({ ...CONTROL, ...summaryOf(`wakes session ${input.session}`) }, [input]),
};

export function bindActivities(plan: RunPlan): {
  callModel(
    input: Parameters<AgentActivities['callModel']>[0],
    summary: string,
  ): ReturnType<AgentActivities['callModel']>;
  compactContext(
    input: Parameters<AgentActivities['compactContext']>[0],
    summary: string,
  ): ReturnType<AgentActivities['compactContext']>;
  callTool(
    input: Parameters<AgentActivities['callTool']>[0],
    tool: ToolPlan,
    summary: string,
  ): ReturnType<AgentActivities['callTool']>;
  tellToolFailure: AgentActivities['tellToolFailure'];
  tellPeople: AgentActivities['tellPeople'];
  takeResult: AgentActivities['takeResult'];
  beginSubRun: AgentActivities['beginSubRun'];
  takeSubRun: AgentActivities['takeSubRun'];
  takeMessage: AgentActivities['takeMessage'];
  takeRelease: AgentActivities['takeRelease'];
  endRun: AgentActivities['endRun'];
} {
  return {
    callModel: (input, summary) =>
      activities.callModel.executeWithOptions({ ...modelOptions(plan), ...summaryOf(summary) }, [input]),
    compactContext: (input, summary) =>
      activities.compactContext.executeWithOptions({ ...modelOptions(plan), ...summaryOf(summary) }, [input]),
    callTool: (input, tool, summary) =>
      activities.callTool.executeWithOptions(
        { ...toolOptions(input.name, tool, plan.inspect), ...summaryOf(summary) },
        [input],
      ),
    tellToolFailure: (input) =>
      activities.tellToolFailure.executeWithOptions(
        { ...RECORD, ...summaryOf(`tells the model: ${input.failure.type}`) },
        [input],
      ),
    tellPeople: (input) =>
      activities.tellPeople.executeWithOptions(
        { ...RECORD, ...summaryOf(`tells people: ${input.about}, request ${input.request.number}`) },
        [input],
      ),
    takeResult: (input) =>
      activities.takeResult.executeWithOptions({ ...RECORD, ...summaryOf(`takes a result by hand: ${input.name}`) }, [
        input,
      ]),
    beginSubRun: (input) =>
      activities.beginSubRun.executeWithOptions({ ...RECORD, ...summaryOf(`begins a run of ${input.name}`) }, [input]),
    takeSubRun: (input) =>
      activities.takeSubRun.executeWithOptions({ ...RECORD, ...summaryOf(`takes what ${input.name} answers`) }, [
        input,
      ]),
    takeMessage: (input) =>
      activities.takeMessage.executeWithOptions({ ...SAID, ...summaryOf('takes what a person says') }, [input]),
    takeRelease: (input) =>
      activities.takeRelease.executeWithOptions(
        { ...RECORD, ...summaryOf(`goes on with release ${input.release.slice(0, 12)}`) },
        [input],
      ),
    endRun: (input) =>
      activities.endRun.executeWithOptions({ ...RECORD, ...summaryOf(`records: ${input.result.outcome}`) }, [input]),
  };
}

const watched = proxyActivities<WatchActivities>(CONTROL);

/** Of the workflows that watch runs for callers. */
export const watchActivities: WatchActivities = {
  lookAtRun: (input) =>
    watched.lookAtRun.executeWithOptions({ ...CONTROL, ...summaryOf(`looks at ${input.run}`) }, [input]),
};

/** It stops by itself in half of this. What failed is done by the next look: a look is not worth many attempts. */
export const agentWatchActivities = proxyActivities<AgentWatchActivities>({
  startToCloseTimeout: RECORD_TIMEOUT_MS,
  heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
  retry: { ...RECORD_BACKOFF, maximumAttempts: 3 },
});

const rollouts = proxyActivities<RolloutActivities>(CONTROL);
/**
 * The first look of a worker reads every run of the rollout and its calls: some two minutes for 70,000 of them. One that fails again and again
 * is told, and the rollout waits: it is tried anew with the next look.
 */
const ROLLOUT_LOOK: ActivityOptions = {
  startToCloseTimeout: '10m',
  heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
  retry: { ...RECORD_BACKOFF, maximumAttempts: 5 },
};

export const rolloutActivities: RolloutActivities = {
  setRolloutShare: (input) =>
    rollouts.setRolloutShare.executeWithOptions(
      { ...CONTROL, ...summaryOf(`the candidate is given ${Math.round(1e4 * input.share) / 100} %`) },
      [input],
    ),
  judgeRollout: (input) =>
    rollouts.judgeRollout.executeWithOptions({ ...ROLLOUT_LOOK, ...summaryOf(`look ${input.number}`) }, [input]),
  endRollout: (input) =>
    rollouts.endRollout.executeWithOptions({ ...CONTROL, ...summaryOf(`${input.as} by ${input.by}`) }, [input]),
  keepRollout: (input) =>
    rollouts.keepRollout.executeWithOptions({ ...CONTROL, ...summaryOf('keeps how it stands') }, [input]),
};

/** The receiver has five seconds; what is left is for the store. A worker that is gone is noticed after this long. */
const WEBHOOK: ActivityOptions = {
  startToCloseTimeout: 15_000,
  retry: { ...WEBHOOK_BACKOFF, maximumAttempts: WEBHOOK_ATTEMPTS },
};

const webhooks = proxyActivities<WebhookActivities>(WEBHOOK);

export const webhookActivities: WebhookActivities = {
  deliverWebhook: (input) =>
    webhooks.deliverWebhook.executeWithOptions(
      { ...WEBHOOK, taskQueue: `${workflowInfo().taskQueue}.webhooks`, ...summaryOf(`tells: ${input.event.type}`) },
      [input],
    ),
};

/** Fifty runs are started within some seconds where the machine is busy. A worker that is gone is noticed by its beats. */
const QUEUE: ActivityOptions = {
  startToCloseTimeout: RECORD_TIMEOUT_MS,
  heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
  retry: RECORD_BACKOFF,
};

const queues = proxyActivities<QueueActivities>(QUEUE);

/** Of the workflows that are queues, on their own task queue. */
export const queueActivities: QueueActivities = {
  startRuns: (input) =>
    queues.startRuns.executeWithOptions({ ...QUEUE, ...summaryOf(`starts ${runsOf(input)}`) }, [input]),
  reconcileRuns: (input) =>
    queues.reconcileRuns.executeWithOptions({ ...QUEUE, ...summaryOf(`asks about ${runsOf(input)}`) }, [input]),
  endWaiting: (input) =>
    queues.endWaiting.executeWithOptions({ ...QUEUE, ...summaryOf(`ends ${runsOf(input)}`) }, [input]),
};

const runsOf = ({ runs }: { runs: readonly unknown[] }): string =>
  runs.length === 1 ? '1 run' : `${runs.length} runs`;
