// What workers build activities with.
export { createActivities, createToolboxActivities, type ToolboxCall } from './create-activities';
export { createControlActivities } from './control/create-control-activities';
export { createWebhookActivities, type WebhookDeps } from './control/deliver-webhook';
export type { Tracing } from './tracing/port';
export type { ToolObserveDeps } from './tracing/observed-calls';
export type { ControlDeps } from './control/control-deps';
export type {
  ActivityDeps,
  ActivityMetrics,
  AgentRegistry,
  CountedRun,
  OfRelease,
  Failpoint,
  ProviderRegistry,
} from './deps';
