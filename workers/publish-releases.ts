// Tells callers which release a new run takes. They start it from the manifest alone.
import type { LoadedAgent } from '../activities/deps';
import { canonicalJson, type ContentStore } from '../activities/store';
import type { RefWrite } from '../activities/store/port';
import { agentPointerName, releaseName } from '../activities/store/ref-names';
import {
  agentPointerSchema,
  registeredReleaseSchema,
  type AgentPointer,
  type RegisteredRelease,
} from '../workflows/contract/schemas/traffic';

export interface PublishedRelease {
  agent: string;
  release: string;
  /** Whether new runs took another release, or none, until now. */
  changed: boolean;
  /** Set where people say by command which release new runs take: this one, where it is another, was not asked. */
  managed?: { release: string };
  /** Set where people say it and nobody has yet: new runs are refused. */
  unreleased?: true;
}

export interface PublishOptions {
  /** People say by command what new runs take, from the first one on. @default workers do until somebody does */
  explicit?: boolean;
  /** Kept for a week under what people say of an agent, so that what was saved can be compared and taken. @default false */
  keepsSaves?: boolean;
}

/** A conflict means that another worker wrote the pointer just now; so many in a row mean that two of them disagree for good. */
const ROUNDS = 5;

/** Idempotent: what is published already is not written again. Which release new runs take is left alone where people say it by command. */
export async function publishReleases(
  store: ContentStore,
  loaded: readonly LoadedAgent[],
  options: PublishOptions = {},
): Promise<PublishedRelease[]> {
  const published: PublishedRelease[] = [];
  for (const agent of subAgentsFirst(loaded)) published.push(await publish(store, agent, options));
  return published.sort((a, b) => (a.agent < b.agent ? -1 : 1));
}

/**
 * New runs of the agent are refused from now on; those under way go on.
 * @returns false when another worker has published another release since, or people say by command what new runs take
 */
export async function unpublishRelease(
  store: ContentStore,
  { agent, release }: Pick<PublishedRelease, 'agent' | 'release'>,
): Promise<boolean> {
  const pointer = await store.readRef(agentPointerName(agent));
  const points = agentPointerSchema.safeParse(pointer?.value);
  if (!pointer || !points.success || points.data.release !== release || points.data.managed) return false;
  return await store.deleteRef(pointer.name, pointer.version);
}

/** A run reads the releases of its sub-agents, so they are there before its own is. */
function subAgentsFirst(loaded: readonly LoadedAgent[]): LoadedAgent[] {
  const ordered = new Set<LoadedAgent>();
  const add = (agent: LoadedAgent): void => {
    for (const { agent: pin } of Object.values(agent.manifest.plan.tools)) {
      const sub = pin && loaded.find(({ release }) => release === pin.release);
      if (sub) add(sub);
    }
    ordered.add(agent);
  };
  loaded.forEach(add);
  return [...ordered];
}

/** A save that nobody has come back to by then is forgotten. */
const SAVED_MS = 7 * 86_400_000;

/** A release without a name, which no new run takes. One that somebody has released stays as they did, in this moment too. */
async function keepSaved(store: ContentStore, { manifest, release }: LoadedAgent): Promise<void> {
  const { agent } = manifest;
  const name = releaseName(agent, release);
  for (let round = 1; round <= ROUNDS; round += 1) {
    const ref = await store.readRef(name);
    const known = registeredReleaseSchema.safeParse(ref?.value).data;
    if (known && !known.saved) return;
    const at = Date.now();
    const value: RegisteredRelease = { schemaVersion: 1, agent, release, at, by: 'dev', saved: true };
    const kept = { name, value, expiresAt: at + SAVED_MS };
    const { conflicts } = await store.commit({
      objects: [canonicalJson(manifest)],
      refs: [ref ? { op: 'compare-and-set', version: ref.version, ...kept } : { op: 'create', ...kept }],
    });
    if (conflicts.length === 0) return;
  }
  // Whoever keeps writing it keeps it.
}

async function publish(
  store: ContentStore,
  loaded: LoadedAgent,
  { explicit = false, keepsSaves = false }: PublishOptions,
): Promise<PublishedRelease> {
  const { manifest, release } = loaded;
  const agent = manifest.agent;
  const name = agentPointerName(agent);
  for (let round = 1; round <= ROUNDS; round += 1) {
    const [pointer, [stored]] = await Promise.all([store.readRef(name), store.has([release])]);
    const { data: points } = agentPointerSchema.safeParse(pointer?.value);
    if (points?.managed || explicit) {
      // Its runs may come yet, and a worker beside this one may have no such object.
      if (!stored) await store.commit({ objects: [canonicalJson(manifest)] });
      if (keepsSaves && points?.release !== release) await keepSaved(store, loaded);
      return {
        ...{ agent, release, changed: false },
        ...(points ? { managed: { release: points.release } } : { unreleased: true as const }),
      };
    }
    const changed = points?.release !== release;
    if (!changed && stored) return { agent, release, changed };
    const value: AgentPointer = {
      ...{ agent, release, at: Date.now() },
      ...(points ? { previous: points.release } : {}),
      ...(points?.shadow ? { shadow: points.shadow } : {}),
      ...(points?.epoch === undefined ? {} : { epoch: points.epoch }),
    };
    const write: RefWrite = pointer
      ? { op: 'compare-and-set', name, version: pointer.version, value }
      : { op: 'create', name, value };
    const { conflicts } = await store.commit({
      objects: stored ? [] : [canonicalJson(manifest)],
      refs: changed ? [write] : [],
    });
    if (conflicts.length === 0) return { agent, release, changed };
  }
  throw new Error(`agent ${agent}: other workers keep changing its release; run one version of the agents per store.`);
}
