// Rollouts as the store has them, and what each look at one came to. Needs no server.
import type { RolloutKept } from '../../workflows/contract/rollout';
import { rolloutLookSchema, rolloutRecordSchema, type KeptLook } from '../../workflows/contract/schemas/rollout';
import { agentPointerSchema } from '../../workflows/contract/schemas/traffic';
import { allRefs, refPages } from './all-refs';
import { readPointer } from './pick-release';
import type { ContentStore, RefWrite } from './port';
import { AGENT_PREFIX, ROLLOUT_PREFIX, looksOf, rolloutName, rolloutsOf } from './ref-names';

/** Undefined of one that is not there, or that this version cannot read. */
export async function readRollout(
  store: Pick<ContentStore, 'readRef'>,
  agent: string,
  id: string,
): Promise<RolloutKept | undefined> {
  return rolloutRecordSchema.safeParse((await store.readRef(rolloutName(agent, id)))?.value).data;
}

/** Newest first. @param agent @default of all */
export async function rolloutsIn(store: Pick<ContentStore, 'listRefs'>, agent?: string): Promise<RolloutKept[]> {
  const refs = await allRefs(store, agent === undefined ? ROLLOUT_PREFIX : rolloutsOf(agent));
  return refs
    .flatMap(({ value }) => rolloutRecordSchema.safeParse(value).data ?? [])
    .sort((one, other) => other.at - one.at || (one.id < other.id ? -1 : 1));
}

/** The one under way, without a look at any other; where none is, the newest of all that there were. */
export async function newestRolloutIn(
  store: Pick<ContentStore, 'readRef' | 'listRefs'>,
  agent: string,
): Promise<RolloutKept | undefined> {
  const { pointer } = (await readPointer(store, agent)) ?? {};
  const current = pointer?.candidate && (await readRollout(store, agent, pointer.candidate.rollout));
  return current ?? (await rolloutsIn(store, agent))[0];
}

/** Those whose candidates new runs are given, at most one of an agent: found by what takes new runs, however many rollouts there ever were. */
export async function rolloutsUnderWay(store: Pick<ContentStore, 'readRef' | 'listRefs'>): Promise<RolloutKept[]> {
  const found: RolloutKept[] = [];
  for await (const page of refPages(store, AGENT_PREFIX)) {
    const pointers = page.flatMap(({ value }) => agentPointerSchema.safeParse(value).data ?? []);
    const kept = await Promise.all(
      pointers.flatMap(({ agent, candidate }) => (candidate ? [readRollout(store, agent, candidate.rollout)] : [])),
    );
    found.push(...kept.flatMap((one) => (one && !one.ended ? [one] : [])));
  }
  return found;
}

/** Oldest first. */
export async function looksIn(
  store: Pick<ContentStore, 'listRefs'>,
  { agent, id }: Pick<RolloutKept, 'agent' | 'id'>,
): Promise<KeptLook[]> {
  return (await allRefs(store, looksOf(agent, id))).flatMap(
    ({ value }) => rolloutLookSchema.safeParse(value).data ?? [],
  );
}

/** Whoever comes late, from an attempt that was given up, takes nothing back. @throws ApplicationFailure `Store.*` */
export async function keepRollout(store: ContentStore, kept: RolloutKept): Promise<void> {
  const name = rolloutName(kept.agent, kept.id);
  for (;;) {
    const ref = await store.readRef(name);
    const known = rolloutRecordSchema.safeParse(ref?.value).data;
    if (known && known.changes >= kept.changes) return;
    const write: RefWrite = ref
      ? { op: 'compare-and-set', name, version: ref.version, value: kept }
      : { op: 'create', name, value: kept };
    if ((await store.commit({ refs: [write] })).conflicts.length === 0) return;
  }
}
