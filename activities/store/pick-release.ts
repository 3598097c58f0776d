// Which release a new run takes. Whoever begins one asks here, with what the store says at that moment: nobody keeps it.
import { createHash } from 'node:crypto';
import {
  agentPointerSchema,
  WHOLE_SHARE,
  type AgentPointer,
  type Sticky,
} from '../../workflows/contract/schemas/traffic';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import type { ContentStore } from './port';
import { agentPointerName } from './ref-names';
import { mayBeShadowed } from './wanted-shadows';

export interface NewRun {
  tenant: string;
  session?: string | undefined;
  /** Its id. */
  run: string;
}

/** `shadow`: which release shadows the run once it has ended, where it was drawn for that. */
export interface PickedRelease extends Pick<RunRecord, 'rollout' | 'shadow'> {
  release: string;
}

/**
 * While a rollout is under way its candidate is taken by a share of all keys, always the same ones: by a larger share no key goes back. A key
 * is a tenant, a session of one, or a run, which is also that of a run without a session.
 */
export function pickRelease(pointer: AgentPointer, run: NewRun): PickedRelease {
  const shadow = shadowFor(pointer, run);
  return { ...pickedFor(pointer, run), ...(shadow ? { shadow } : {}) };
}

function pickedFor({ agent, release, candidate }: AgentPointer, run: NewRun): PickedRelease {
  if (!candidate) return { release };
  const isCandidate = placeOf(agent, candidate.salt, unitOf(candidate.sticky, run)) < candidate.share;
  const rollout = { id: candidate.rollout, arm: isCandidate ? 'candidate' : 'current' } as const;
  return { release: isCandidate ? candidate.release : release, rollout };
}

/** Drawn apart from the candidate of a rollout: both releases' runs are shadowed. */
function shadowFor({ agent, shadow }: AgentPointer, run: NewRun): PickedRelease['shadow'] {
  if (!shadow || !mayBeShadowed(run.run)) return undefined;
  const { id, release, share, sticky } = shadow;
  return placeOf(agent, `shadow ${id}`, unitOf(sticky, run)) < share ? { id, release } : undefined;
}

/** What a run is kept to its release with. */
export function unitOf(sticky: Sticky, { tenant, session, run }: NewRun): string[] {
  if (sticky === 'tenant') return ['tenant', tenant];
  return sticky === 'session' && session !== undefined ? ['session', tenant, session] : ['run', run];
}

/** From 0, smaller than WHOLE_SHARE, and as often one as another. */
export function placeOf(agent: string, salt: string, unit: readonly string[]): number {
  const digest = createHash('sha256')
    .update(JSON.stringify([agent, salt, ...unit]))
    .digest();
  return Number(digest.readBigUInt64BE(0) % BigInt(WHOLE_SHARE));
}

/** Undefined where nobody has published the agent. @throws ZodError where what stands there is no pointer */
export async function readPointer(
  store: Pick<ContentStore, 'readRef'>,
  agent: string,
): Promise<{ pointer: AgentPointer; version: number } | undefined> {
  const ref = await store.readRef(agentPointerName(agent));
  return ref && { pointer: agentPointerSchema.parse(ref.value), version: ref.version };
}
