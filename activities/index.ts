// What workers build activities with.
export { createActivities } from './create-activities';
export type { ActivityDeps, ActivityMetrics, AgentRegistry, Failpoint, ProviderRegistry } from './deps';
