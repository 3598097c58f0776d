import type { AgentRegistry, LoadedAgent } from '../activities/deps';

export interface ReloadableAgentRegistry extends AgentRegistry {
  /** Today's agents. Releases loaded before stay, for the runs that are pinned to them. */
  replaceAll(loaded: readonly LoadedAgent[]): void;
  /** Today's release of an agent. */
  current(agent: string): LoadedAgent | undefined;
  /** Today's agents, by name. */
  list(): LoadedAgent[];
  /** Whose code is loaded, by agent, the one that was served last at the end. */
  releases(): { [agent: string]: string[] };
}

/**
 * Releases of one agent that stay loaded. In an afternoon with `dev` every save is one, and each keeps its modules in memory; the
 * runs of a release that is no longer among them go on as without `strict`. Where it is strict, agents are loaded once.
 */
const RELEASES_KEPT = 20;

/**
 * @param options.strict whether a release that is not loaded stays unresolved, as it must where runs are pinned to workers;
 * without it (embedded development) the newest code of the agent goes on with it, as a developer who mends a tool expects
 */
export function createAgentRegistry(options: { strict: boolean }): ReloadableAgentRegistry {
  /** By agent, the one that was served last at the end. */
  const releases = new Map<string, Map<string, LoadedAgent>>();
  const keep = (agent: LoadedAgent): void => {
    const { manifest, release } = agent;
    const kept = releases.get(manifest.agent) ?? new Map<string, LoadedAgent>();
    releases.set(manifest.agent, kept);
    kept.delete(release);
    kept.set(release, agent);
    for (const oldest of kept.keys()) if (kept.size > RELEASES_KEPT) kept.delete(oldest);
  };
  /** Outlives a save that breaks the agent's file. */
  const newest = new Map<string, LoadedAgent>();
  let today = new Map<string, LoadedAgent>();
  return {
    replaceAll(loaded) {
      today = new Map(loaded.map((agent) => [agent.manifest.agent, agent]));
      for (const agent of loaded) {
        keep(agent);
        newest.set(agent.manifest.agent, agent);
      }
    },
    resolve(agent, release) {
      return releases.get(agent)?.get(release) ?? (options.strict ? undefined : newest.get(agent));
    },
    other: (agent) => newest.get(agent)?.release,
    current: (agent) => today.get(agent),
    releases: () => Object.fromEntries([...releases].map(([agent, kept]) => [agent, [...kept.keys()]])),
    list: () => [...today.values()].sort((a, b) => (a.manifest.agent < b.manifest.agent ? -1 : 1)),
  };
}
