// The entry of the workflow bundle: what a worker registers, nothing else.
export { agentRun } from './agent-run';
export { quota } from './quota';
export { runQueue } from './run-queue';
export { agentSession } from './agent-session';
export { sessionWake } from './session-wake';
export { callerWebhook } from './caller-webhook';
export { agentWatch } from './agent-watch';
export { agentRollout } from './agent-rollout';
