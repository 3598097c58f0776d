// The agent that a call is made with: what is data comes from the release that its run was started with, and only code from what this
// worker has loaded. A worker that was started anew has today's code, and a run must not change its instructions under way.
import { ApplicationFailure } from '@temporalio/common';
import { LRUCache } from 'lru-cache';
import type { ReleaseManifest } from '../workflows/contract/release';
import { releaseManifestSchema } from '../workflows/contract/schemas/release';
import type { ActivityDeps, LoadedAgent } from './deps';
import { failure } from './failure';
import { objectHash } from './store';

export interface PinnedAgent extends LoadedAgent {
  /** The release whose code is loaded: another than the run's only in development. */
  codeRelease: string;
}

/** Manifests that a worker keeps parsed, by their hash: a run reads its own at every call. */
const MANIFESTS = new LRUCache<string, ReleaseManifest>({ max: 200 });

/**
 * Its tools are those that the run knows: one that was added later is not there, and one that was taken out has no code.
 * @throws ApplicationFailure `Release.NotLoaded`; `Release.CodeElsewhere` where it is strict; `Store.*` when the release cannot be read
 */
export async function requireAgent(
  deps: Pick<ActivityDeps, 'agents' | 'toolStore'>,
  { agent, release }: { agent: string; release: string },
): Promise<PinnedAgent> {
  const loaded = deps.agents.resolve(agent, release) ?? (await originLoaded(deps, agent, release));
  const other = loaded ? undefined : deps.agents.other?.(agent);
  if (other !== undefined)
    throw failure(
      'Release.CodeElsewhere',
      `this worker has the code of release ${other.slice(0, 12)} of "${agent}", and runs release ${release.slice(0, 12)} with none but its own: a worker that has that makes the call.`,
    );
  if (!loaded) {
    throw failure(
      'Release.NotLoaded',
      `this worker has no agent "${agent}": start one that has it, then resume the run.`,
    );
  }
  if (loaded.release === release) return { ...loaded, codeRelease: release };
  const manifest = await readManifest(deps, agent, release);
  const tools = loaded.agent.tools.flatMap((tool) => {
    const pinned = manifest.tools.find(({ name }) => name === tool.name);
    return pinned ? [tool.mcp?.asIn(pinned) ?? tool] : [];
  });
  return { agent: { ...loaded.agent, tools }, manifest, release, codeRelease: loaded.release };
}

/** Of a release that load made of another: nobody has loaded it, and its code is the other's. */
async function originLoaded(
  deps: Pick<ActivityDeps, 'agents' | 'toolStore'>,
  agent: string,
  release: string,
): Promise<LoadedAgent | undefined> {
  try {
    const { degradedFrom } = await readManifest(deps, agent, release);
    return degradedFrom === undefined ? undefined : deps.agents.resolve(agent, degradedFrom);
  } catch (error) {
    // What nobody can read nobody has loaded.
    if (error instanceof ApplicationFailure && UNREADABLE.includes(error.type ?? '')) return undefined;
    throw error;
  }
}

const UNREADABLE: readonly string[] = ['Store.ObjectMissing', 'Store.ObjectCorrupt'];

/** @throws ApplicationFailure `Store.*` */
export async function readManifest(
  { toolStore }: Pick<ActivityDeps, 'toolStore'>,
  agent: string,
  release: string,
): Promise<ReleaseManifest> {
  const known = MANIFESTS.get(release);
  if (known?.agent === agent) return known;
  const bytes = await toolStore.getObject(release);
  // Whoever hands it over: what it grants is as good as its name.
  const manifest = objectHash(bytes) === release ? parsed(bytes) : undefined;
  if (manifest?.agent !== agent) {
    throw failure('Store.ObjectCorrupt', `object ${release} is not a release of agent "${agent}".`);
  }
  MANIFESTS.set(release, manifest);
  return manifest;
}

function parsed(bytes: Uint8Array): ReleaseManifest | undefined {
  try {
    return releaseManifestSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return undefined;
  }
}
