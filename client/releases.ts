// Releases as the store keeps them: which one an agent's new runs take, and what each of them is.
import { allRefs } from '../activities/store';
import { pickRelease, readPointer, type NewRun, type PickedRelease } from '../activities/store/pick-release';
import type { ContentStore } from '../activities/store/port';
import { holdsNow, readSessionHold } from '../activities/store/session-hold';
import { AGENT_PREFIX, RUN_PREFIX, agentPointerName, registeredOf } from '../activities/store/ref-names';
import type { ReleaseManifest } from '../workflows/contract/release';
import { releaseManifestSchema } from '../workflows/contract/schemas/release';
import { runRecordSchema } from '../workflows/contract/schemas/run-record';
import {
  agentPointerSchema,
  registeredReleaseSchema,
  type AgentPointer,
  type RegisteredRelease,
} from '../workflows/contract/schemas/traffic';
import { ClientError } from './errors';

export interface KnownRelease {
  release: string;
  manifest: ReleaseManifest;
}

/** What new runs take, apart from those that a rollout gives its candidate. @throws ClientError `unknown-agent` */
export async function currentRelease(store: ContentStore, agent: string): Promise<KnownRelease> {
  const { release } = await pointerOf(store, agent);
  return { release, manifest: await readManifest(store, release) };
}

/** What this new run takes, as the store says at this moment. @throws ClientError `unknown-agent` */
export async function releaseFor(
  store: ContentStore,
  agent: string,
  run: NewRun,
): Promise<KnownRelease & Pick<PickedRelease, 'rollout' | 'shadow'>> {
  const picked = pickRelease(await pointerOf(store, agent), run);
  return { ...picked, manifest: await readManifest(store, picked.release) };
}

/** What answers a message that comes now: where somebody holds its session, the release that they said. @throws ClientError `unknown-agent` */
export async function releaseForSession(
  store: ContentStore,
  agent: string,
  run: NewRun & { session: string },
): Promise<KnownRelease> {
  const [pointer, hold] = await Promise.all([pointerOf(store, agent), readSessionHold(store, run.session)]);
  // Of another agent's session of that name nothing is known here.
  if (holdsNow(hold, pointer)) return { release: hold.release, manifest: await readManifest(store, hold.release) };
  return await releaseFor(store, agent, run);
}

/** @throws ClientError `unknown-agent` */
export async function pointerOf(store: ContentStore, agent: string): Promise<AgentPointer> {
  const found = await readPointer(store, agent);
  if (!found) {
    const known = (await store.listRefs(AGENT_PREFIX)).map((ref) =>
      decodeURIComponent(ref.name.slice(AGENT_PREFIX.length)),
    );
    const list = known.length
      ? `Known: ${known.join(', ')}.`
      : 'No worker has published any yet: start one with "longhaul dev".';
    throw new ClientError('unknown-agent', `there is no agent "${agent}". ${list}`);
  }
  return found.pointer;
}

export async function readManifest(store: ContentStore, release: string): Promise<ReleaseManifest> {
  const [bytes] = await store.get([release]);
  return releaseManifestSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
}

const WHOLE = /^[0-9a-f]{64}$/;
const BEGINNING = /^[0-9a-f]{6,64}$/;

/** Names of releases are none that a hash could begin with. */
export const isReleaseName = (text: string): boolean => /^[\w.-]{1,64}$/.test(text) && !BEGINNING.test(text);

/**
 * @param given its name, its hash, or the beginning of one that somebody released, or a run of the agent took or takes
 * @throws ClientError `invalid-input`
 */
export async function releaseOf(store: ContentStore, agent: string, given: string): Promise<KnownRelease> {
  const named = isReleaseName(given)
    ? (await registeredReleases(store, agent)).find(({ name }) => name === given)?.release
    : undefined;
  if (named === undefined && !BEGINNING.test(given))
    throw new ClientError(
      'invalid-input',
      isReleaseName(given)
        ? `no release of ${agent} is named "${given}": "longhaul releases ${agent}" lists them.`
        : 'a release is named by its name, its hash, or at least the first 6 digits of that.',
    );
  const wanted = named ?? given;
  const known = WHOLE.test(wanted) ? [wanted] : await releasesOf(store, agent);
  const [release, ...others] = known.filter((one) => one.startsWith(wanted));
  const [isStored] = release === undefined ? [false] : await store.has([release]);
  if (release === undefined || !isStored)
    throw new ClientError('invalid-input', `no release ${given} of ${agent} is known here.`);
  if (others.length > 0) throw new ClientError('invalid-input', `several releases of ${agent} begin with ${given}.`);
  const manifest = await readManifest(store, release);
  if (manifest.agent === agent) return { release, manifest };
  throw new ClientError('invalid-input', `release ${given} is one of ${manifest.agent}, not of ${agent}.`);
}

/** Those that somebody released by command, oldest first. */
export async function registeredReleases(store: ContentStore, agent: string): Promise<RegisteredRelease[]> {
  const refs = await allRefs(store, registeredOf(agent));
  return refs
    .flatMap(({ value }) => registeredReleaseSchema.safeParse(value).data ?? [])
    .sort((one, other) => one.at - other.at);
}

/** What people call each of them: its name, where somebody gave it one, and the beginning of its hash. */
export async function releaseNames(store: ContentStore, agent: string): Promise<(release: string) => string> {
  const known = await registeredReleases(store, agent);
  return (release) => {
    const name = known.find((one) => one.release === release)?.name;
    return name === undefined ? release.slice(0, 12) : `${name} (${release.slice(0, 12)})`;
  };
}

/** Whatever of the agent's releases is known to be one. */
export async function releasesOf(store: ContentStore, agent: string): Promise<string[]> {
  const pointer = agentPointerSchema.safeParse((await store.readRef(agentPointerName(agent)))?.value).data;
  const taken = (await allRefs(store, RUN_PREFIX)).flatMap(({ value }) => {
    const record = runRecordSchema.safeParse(value);
    return record.success && record.data.agent === agent ? [record.data.release] : [];
  });
  const released = (await registeredReleases(store, agent)).map(({ release }) => release);
  return [...new Set([...(pointer ? namedBy(pointer) : []), ...released, ...taken])];
}

/** The current one first. */
export const namedBy = ({ release, candidate, previous, shadow, withdrawn = [] }: AgentPointer): string[] => [
  ...new Set([
    release,
    ...(candidate ? [candidate.release] : []),
    ...(previous === undefined ? [] : [previous]),
    ...(shadow ? [shadow.release] : []),
    ...withdrawn,
  ]),
];
