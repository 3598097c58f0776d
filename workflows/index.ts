// The entry of the workflow bundle: what a worker registers, nothing else.
export { agentRun } from './agent-run';
export { quota } from './quota';
