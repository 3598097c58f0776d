// `longhaul/workers`: for those who run workers from their own process instead of `longhaul worker`.
export { createAgentWorker } from './create-worker';
export type { AgentWorkerOptions } from './create-worker';
export { workflowBundle } from './workflow-bundle';
export { ownBuildId } from './orchestration-code';
export { loadSettings } from './config';
export type { Settings, SettingsOverrides } from './config';
export { serveAgents } from './serve-agents';
export type { ServeOptions, ServedAgents } from './serve-agents';
export { startWorker } from './start-worker';
export type { RunningWorker, StartWorkerOptions } from './start-worker';
// `serveAgents` does by itself. Beside `startWorker` it says what the worker is: while one does not, no shadow of a run begins.
export { tellServing } from './tell-serving';
export type { ServingTeller } from './tell-serving';
