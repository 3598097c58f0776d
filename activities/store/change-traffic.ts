// Changes which release new runs of an agent take, and writes down who did it and why, both in one commit. The store's compare-and-set says
// who comes first, so it needs no server and no worker.
import { releaseManifestSchema } from '../../workflows/contract/schemas/release';
import {
  agentPointerSchema,
  trafficRecordSchema,
  type AgentPointer,
  type TrafficRecord,
  type TrafficState,
} from '../../workflows/contract/schemas/traffic';
import { allRefs } from './all-refs';
import { canonicalJson } from './canonical-json';
import {
  isOfShadows,
  nextTraffic,
  refused,
  shortRelease,
  type RefusedTraffic,
  type TrafficChange,
} from './next-traffic';
import type { ContentStore } from './port';
import { agentPointerName, trafficName, trafficOf } from './ref-names';

export type { TrafficChange };

export interface TrafficAbout {
  by: string;
  why?: string;
  /** Refused where another change was made since; of an agent that nobody has changed by command it is 0. @default whatever stands is changed */
  expectedEpoch?: number;
  /** A signature over the record, which `statementOf` gives. @default unsigned */
  sign?(statement: Uint8Array): string;
  /** @default Date.now */
  now?(): number;
}

export interface ChangedTraffic {
  kind: 'changed';
  pointer: AgentPointer & { epoch: number };
  record: TrafficRecord;
}

/** So many in a row mean that others change it all the time. */
const ROUNDS = 20;

/**
 * New runs always have a release that can be read: what would leave them without one is refused, and what stood stays.
 * @throws ApplicationFailure `Store.*`
 */
export async function changeTraffic(
  store: ContentStore,
  agent: string,
  change: TrafficChange,
  about: TrafficAbout,
): Promise<ChangedTraffic | RefusedTraffic> {
  const name = agentPointerName(agent);
  for (let round = 1; round <= ROUNDS; round += 1) {
    const ref = await store.readRef(name);
    const before = agentPointerSchema.safeParse(ref?.value).data;
    if (about.expectedEpoch !== undefined && about.expectedEpoch !== (before?.epoch ?? 0))
      return refused('superseded', `the traffic of ${agent} was changed by somebody else since.`);
    const next = nextTraffic(agent, before, change);
    if ('kind' in next) return next;
    const objects: Uint8Array[] = [];
    for (const release of [next.release, next.candidate?.release, next.shadow?.release]) {
      if (release === undefined) continue;
      const found = await readable(store, agent, release);
      if (!found)
        return refused('unreadable', `release ${shortRelease(release)} cannot be read here; nothing was changed.`);
      objects.push(...found);
    }
    const epoch = (before?.epoch ?? (await lastEpoch(store, agent))) + 1;
    const at = (about.now ?? Date.now)();
    // Who has a share of the runs shadowed leaves it to workers what they take, where it was left to them.
    const managed = isOfShadows(change) ? before?.managed : true;
    const pointer = { ...next, agent, at, epoch, ...(managed ? { managed } : {}) };
    const record = signed({ change: change.kind, ...(before ? { before } : {}), pointer }, about);
    const { conflicts } = await store.commit({
      // Again, though they are there: a collection that began before must not take what is named from now on.
      objects,
      refs: [
        ref
          ? { op: 'compare-and-set', name, version: ref.version, value: pointer }
          : { op: 'create', name, value: pointer },
        { op: 'create', name: trafficName(agent, epoch), value: record },
      ],
    });
    if (conflicts.length === 0) return { kind: 'changed', pointer, record };
  }
  return refused('superseded', `others keep changing the traffic of ${agent}; nothing was changed.`);
}

/** All changes that were made by command, oldest first. */
export async function trafficHistory(store: ContentStore, agent: string): Promise<TrafficRecord[]> {
  return (await allRefs(store, trafficOf(agent))).flatMap(
    ({ value }) => trafficRecordSchema.safeParse(value).data ?? [],
  );
}

/** What a record's signature is over. */
export function statementOf({ signature: _, ...record }: TrafficRecord): Uint8Array {
  return canonicalJson(['traffic/1', record]);
}

/** What is there is there whole: sub-agents are called by the release that a manifest pins. Undefined where something is not. */
async function readable(store: ContentStore, agent: string, release: string): Promise<Uint8Array[] | undefined> {
  const [isStored] = await store.has([release]);
  if (!isStored) return undefined;
  const [bytes = new Uint8Array()] = await store.get([release]);
  const manifest = releaseManifestSchema.safeParse(jsonOf(bytes)).data;
  if (manifest?.agent !== agent) return undefined;
  const below: Uint8Array[] = [];
  for (const { agent: sub } of Object.values(manifest.plan.tools)) {
    const found = sub ? await readable(store, sub.name, sub.release) : [];
    if (!found) return undefined;
    below.push(...found);
  }
  return [...below, bytes];
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

/** An agent whose pointer was taken away, or written by an older version, goes on with its numbers. */
async function lastEpoch(store: ContentStore, agent: string): Promise<number> {
  const last = (await allRefs(store, trafficOf(agent))).at(-1);
  return last ? Number(last.name.slice(trafficOf(agent).length)) : 0;
}

interface Made {
  change: TrafficChange['kind'];
  before?: AgentPointer;
  pointer: AgentPointer & { epoch: number };
}

function signed({ change, before, pointer }: Made, { by, why, sign }: TrafficAbout): TrafficRecord {
  const { agent, epoch, at } = pointer;
  const record: TrafficRecord = {
    ...{ schemaVersion: 1, agent, epoch, at, by, change },
    ...(why === undefined ? {} : { why }),
    ...(before ? { before: stateOf(before) } : {}),
    after: stateOf(pointer),
  };
  return sign ? { ...record, signature: sign(statementOf(record)) } : record;
}

function stateOf({ release, candidate, shadow }: AgentPointer): TrafficState {
  const shadowed = shadow ? { shadow } : {};
  if (!candidate) return { release, ...shadowed };
  const { salt: _, ...shown } = candidate;
  return { release, candidate: shown, ...shadowed };
}
