// What is registered on the control task queue: what queues and sessions have done for them.
import type { SessionActivities } from '../../workflows/contract/session';
import { attended } from '../attended';
import { beginSessionRun } from './begin-session-run';
import type { ControlDeps } from './control-deps';
import { dropMessages } from './drop-messages';
import { findRunEnd } from './find-run-end';
import { keepSession } from './keep-session';
import { wakeSession } from './wake-session';

export type ControlActivities = SessionActivities;

export const createControlActivities = (deps: ControlDeps): ControlActivities => ({
  beginSessionRun: (input) => attended(() => beginSessionRun(ofTenant(deps, input), input)),
  keepSession: (input) => attended(() => keepSession(ofTenant(deps, input), input)),
  steerSessionRun: ({ run, message }) => attended(() => deps.executions.steer(run, message)),
  findRunEnd: (run) => attended(() => findRunEnd(deps, run)),
  dropMessages: (input) => attended(() => dropMessages(ofTenant(deps, input), input)),
  wakeSession: (input) => attended(() => wakeSession(deps, input)),
});

/** As the tenant's view of the store names things. */
const ofTenant = (deps: ControlDeps, { tenant }: { tenant: string }): ControlDeps => ({
  ...deps,
  store: deps.store.of(tenant),
  conversation: deps.conversation.of(tenant),
});
