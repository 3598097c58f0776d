// A release that somebody makes by command: kept whole, with who made it and what it is called, until its record is taken away.
import { canonicalJson } from '../activities/store';
import { changeTraffic, type ChangedTraffic, type TrafficAbout } from '../activities/store/change-traffic';
import { readPointer } from '../activities/store/pick-release';
import type { ContentStore } from '../activities/store/port';
import { releaseName } from '../activities/store/ref-names';
import type { ReleaseManifest } from '../workflows/contract/release';
import type { RegisteredRelease } from '../workflows/contract/schemas/traffic';
import { ClientError } from './errors';
import { isReleaseName, registeredReleases } from './releases';

export interface MadeRelease {
  release: string;
  manifest: ReleaseManifest;
  /** Of its sub-agents, which it calls by their hashes. */
  below: readonly ReleaseManifest[];
  toolCode: { [tool: string]: string };
}

export interface ReleaseAbout extends TrafficAbout {
  name?: string;
  note?: string;
  /** New runs take it at once. The first release of an agent is taken anyhow. */
  take?: boolean;
}

export interface Released {
  registered: RegisteredRelease;
  /** It was released before: as what, is changed by a name and a note that are given now. */
  isKnown: boolean;
  /** Absent where new runs go on with what they took. */
  taken?: ChangedTraffic;
  /** New runs have taken it before already. */
  isCurrent: boolean;
}

/** @throws ClientError `invalid-input` where another release has the name; `refused` where a rollout is under way */
export async function registerRelease(
  store: ContentStore,
  { release, manifest, below, toolCode }: MadeRelease,
  { name, note, take = false, ...about }: ReleaseAbout,
): Promise<Released> {
  const { agent } = manifest;
  const known = await registeredReleases(store, agent);
  if (name !== undefined) requireFree(name, known, { agent, release });
  const earlier = known.find((one) => one.release === release && !one.saved);
  const [calledNow, notedNow] = [name ?? earlier?.name, note ?? earlier?.note];
  const isKnown = earlier !== undefined;
  const registered: RegisteredRelease = {
    ...{ schemaVersion: 1, agent, release, tools: toolCode },
    ...{ at: earlier?.at ?? (about.now ?? Date.now)(), by: earlier?.by ?? about.by },
    ...(calledNow === undefined ? {} : { name: calledNow }),
    ...(notedNow === undefined ? {} : { note: notedNow }),
  };
  await store.commit({
    objects: [...below, manifest].map(canonicalJson),
    refs: [{ op: 'put', name: releaseName(agent, release), value: registered }],
  });
  const { pointer } = (await readPointer(store, agent)) ?? {};
  const isFirst = !pointer?.managed;
  const isCurrent = pointer?.release === release;
  if (!isFirst && (!take || (isCurrent && !pointer.candidate))) return { registered, isKnown, isCurrent };
  const taken = await changeTraffic(store, agent, { kind: 'release', release }, about);
  if (taken.kind === 'changed') return { registered, isKnown, isCurrent, taken };
  throw new ClientError('refused', `the release is kept, and takes no runs: ${taken.message}`);
}

function requireFree(
  name: string,
  known: readonly RegisteredRelease[],
  { agent, release }: { agent: string; release: string },
): void {
  if (!isReleaseName(name) || name === 'current')
    throw new ClientError(
      'invalid-input',
      'a name of a release has 1 to 64 letters, digits, ".", "_" and "-", and is neither "current" nor six digits of a hash or more.',
    );
  const other = known.find((one) => one.name === name && one.release !== release);
  if (other)
    throw new ClientError('invalid-input', `release ${other.release.slice(0, 12)} of ${agent} is named "${name}".`);
}
