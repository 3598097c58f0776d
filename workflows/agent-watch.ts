// One look at what agents do, begun by a Temporal Schedule: all of it is one activity, which goes on where the one before it has stopped.
import { agentWatchActivities } from './activity-proxies';
import type { AgentWatchInput, WatchLook } from './contract/watch';

export async function agentWatch(input: AgentWatchInput): Promise<WatchLook> {
  return await agentWatchActivities.watchAgents(input);
}
