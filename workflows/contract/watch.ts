// The watch of agents: compares what they do with what they did. Workflow code imports nothing but types of it.

/** Id of the schedule that has the agents of a task queue watched, and of its workflows, with a time behind it. */
export const agentWatchId = (taskQueue: string): string => `watch/${taskQueue}`;

/** Of the workflow that a Temporal Schedule begins. */
export interface AgentWatchInput {
  schemaVersion: 1;
}

/** What one look came to. */
export interface WatchLook {
  /** Ended runs that were taken in. */
  runs: number;
  /** Findings that were new. */
  findings: number;
}

export interface AgentWatchActivities {
  watchAgents(input: AgentWatchInput): Promise<WatchLook>;
}
