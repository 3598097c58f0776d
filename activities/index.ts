// What workers build activities with.
export { createActivities, createToolboxActivities, type ToolboxCall } from './create-activities';
export type { ActivityDeps, ActivityMetrics, AgentRegistry, Failpoint, ProviderRegistry } from './deps';
