// What is registered on the control task queue: what queues, sessions and rollouts have done for them.
import { ApplicationFailure } from '@temporalio/common';
import type { QueueActivities } from '../../workflows/contract/queue-activities';
import type { RolloutActivities } from '../../workflows/contract/rollout';
import type { SessionActivities } from '../../workflows/contract/session';
import type { AgentWatchActivities, WatchLook } from '../../workflows/contract/watch';
import type { WatchActivities } from '../../workflows/contract/webhook';
import { attended } from '../attended';
import { beginSessionRun } from './begin-session-run';
import type { ControlDeps } from './control-deps';
import { dropMessages } from './drop-messages';
import { endWaiting } from './end-waiting';
import { findRunEnd } from './find-run-end';
import { lookAtRun } from './look-at-run';
import { judgeRollout } from './judge-rollout';
import { keepSession } from './keep-session';
import { reconcileRuns } from './reconcile-runs';
import { endRollout, setRolloutShare } from './rollout-traffic';
import { startRuns } from './start-runs';
import { wakeSession } from './wake-session';
import { keepRollout } from '../store/rollouts';
import { watchAgents } from '../watch/watch-agents';
import { withdrawSessionRun } from './withdraw-session-run';

export type ControlActivities = SessionActivities &
  QueueActivities &
  WatchActivities &
  AgentWatchActivities &
  RolloutActivities;

export const createControlActivities = (deps: ControlDeps): ControlActivities => ({
  beginSessionRun: (input) => attended(() => beginSessionRun(ofTenant(deps, input), input)),
  keepSession: (input) => attended(() => keepSession(ofTenant(deps, input), input)),
  steerSessionRun: (input) => attended(() => deps.executions.steer(input)),
  withdrawSessionRun: (input) => attended(() => withdrawSessionRun(deps, input)),
  findRunEnd: (run) => attended(() => findRunEnd(deps, run)),
  dropMessages: (input) => attended(() => dropMessages(ofTenant(deps, input), input)),
  wakeSession: (input) => attended(() => wakeSession(deps, input)),
  lookAtRun: (input) => attended(() => lookAtRun(deps, input)),
  startRuns: (input) => attended(() => untilDone(startRuns(deps, input))),
  reconcileRuns: (input) => attended(() => untilDone(reconcileRuns(deps, input))),
  endWaiting: (input) => attended(() => untilDone(endWaiting(deps, input))),
  setRolloutShare: (input) => attended(() => setRolloutShare(deps, input)),
  judgeRollout: (input) => attended(({ signal }) => judgeRollout(deps, input, signal)),
  endRollout: (input) => attended(() => endRollout(deps, input)),
  keepRollout: (kept) => attended(() => keepRollout(deps.store, kept)),
  watchAgents: () => attended(() => lookAtAgents(deps)),
});

/** A worker whose configuration has nobody watched leaves what has ended to one that watches. */
const lookAtAgents = async ({ watch, ...deps }: ControlDeps): Promise<WatchLook> =>
  watch ? await watchAgents({ ...deps, watch }) : { runs: 0, findings: 0 };

/** As the tenant's view of the store names things. */
const ofTenant = (deps: ControlDeps, { tenant }: { tenant: string }): ControlDeps => ({
  ...deps,
  store: deps.store.of(tenant),
  conversation: deps.conversation.of(tenant),
});

/** A queue that failed would lose whoever waits in it: whatever is wrong, a worker that has it right comes one day. */
async function untilDone<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof ApplicationFailure) || !error.nonRetryable) throw error;
    const { message, type } = error;
    throw ApplicationFailure.create({ message, ...(type ? { type } : {}), nonRetryable: false });
  }
}
