import type { AgentRegistry, LoadedAgent } from '../activities/deps';

export interface ReloadableAgentRegistry extends AgentRegistry {
  /** Today's agents. Releases loaded before stay, for the runs that are pinned to them. */
  replaceAll(loaded: readonly LoadedAgent[]): void;
  /** Today's release of an agent. */
  current(agent: string): LoadedAgent | undefined;
  /** Today's agents, by name. */
  list(): LoadedAgent[];
}

/**
 * @param options.strict whether a release that is not loaded stays unresolved, as it must where runs are pinned to workers;
 * without it (embedded development) the newest code of the agent goes on with it, as a developer who mends a tool expects
 */
export function createAgentRegistry(options: { strict: boolean }): ReloadableAgentRegistry {
  const releases = new Map<string, LoadedAgent>();
  /** Outlives a save that breaks the agent's file. */
  const newest = new Map<string, LoadedAgent>();
  let today = new Map<string, LoadedAgent>();
  return {
    replaceAll(loaded) {
      today = new Map(loaded.map((agent) => [agent.manifest.agent, agent]));
      for (const agent of loaded) {
        releases.set(agent.release, agent);
        newest.set(agent.manifest.agent, agent);
      }
    },
    resolve(agent, release) {
      const held = releases.get(release);
      if (held?.manifest.agent === agent) return held;
      return options.strict ? undefined : newest.get(agent);
    },
    current: (agent) => today.get(agent),
    list: () => [...today.values()].sort((a, b) => (a.manifest.agent < b.manifest.agent ? -1 : 1)),
  };
}
