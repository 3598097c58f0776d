// Releases as the store keeps them: which one an agent's new runs take, and what each of them is.
import { allRefs } from '../activities/store';
import type { ContentStore } from '../activities/store/port';
import { AGENT_PREFIX, RUN_PREFIX, agentPointerName } from '../activities/store/ref-names';
import type { ReleaseManifest } from '../workflows/contract/release';
import { releaseManifestSchema } from '../workflows/contract/schemas/release';
import { agentPointerSchema, runRecordSchema } from '../workflows/contract/schemas/run-record';
import { ClientError } from './errors';

export interface KnownRelease {
  release: string;
  manifest: ReleaseManifest;
}

/** What a new run takes. @throws ClientError `unknown-agent` */
export async function currentRelease(store: ContentStore, agent: string): Promise<KnownRelease> {
  const pointer = await store.readRef(agentPointerName(agent));
  if (!pointer) {
    const known = (await store.listRefs(AGENT_PREFIX)).map((ref) =>
      decodeURIComponent(ref.name.slice(AGENT_PREFIX.length)),
    );
    const list = known.length
      ? `Known: ${known.join(', ')}.`
      : 'No worker has published any yet: start one with "longhaul dev".';
    throw new ClientError('unknown-agent', `there is no agent "${agent}". ${list}`);
  }
  const { release } = agentPointerSchema.parse(pointer.value);
  return { release, manifest: await readManifest(store, release) };
}

export async function readManifest(store: ContentStore, release: string): Promise<ReleaseManifest> {
  const [bytes] = await store.get([release]);
  return releaseManifestSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
}

const WHOLE = /^[0-9a-f]{64}$/;
const BEGINNING = /^[0-9a-f]{6,64}$/;

/**
 * @param given its hash, or the beginning of one that a run of the agent took or takes
 * @throws ClientError `invalid-input`
 */
export async function releaseOf(store: ContentStore, agent: string, given: string): Promise<KnownRelease> {
  if (!BEGINNING.test(given))
    throw new ClientError('invalid-input', 'a release is named by its hash, or at least its first 6 digits.');
  const known = WHOLE.test(given) ? [given] : await releasesOf(store, agent);
  const [release, ...others] = known.filter((one) => one.startsWith(given));
  const [isStored] = release === undefined ? [false] : await store.has([release]);
  if (release === undefined || !isStored)
    throw new ClientError('invalid-input', `no release ${given} of ${agent} is known here.`);
  if (others.length > 0) throw new ClientError('invalid-input', `several releases of ${agent} begin with ${given}.`);
  const manifest = await readManifest(store, release);
  if (manifest.agent === agent) return { release, manifest };
  throw new ClientError('invalid-input', `release ${given} is one of ${manifest.agent}, not of ${agent}.`);
}

async function releasesOf(store: ContentStore, agent: string): Promise<string[]> {
  const pointer = agentPointerSchema.safeParse((await store.readRef(agentPointerName(agent)))?.value);
  const taken = (await allRefs(store, RUN_PREFIX)).flatMap(({ value }) => {
    const record = runRecordSchema.safeParse(value);
    return record.success && record.data.agent === agent ? [record.data.release] : [];
  });
  return [...new Set([...(pointer.success ? [pointer.data.release] : []), ...taken])];
}
