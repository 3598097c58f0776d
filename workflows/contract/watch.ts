// The watch of agents: compares what they do with what they did.

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
