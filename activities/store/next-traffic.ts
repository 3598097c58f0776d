// What comes of a change of traffic, decided from what stands and nothing else.
import {
  WHOLE_SHARE,
  type AgentPointer,
  type Candidate,
  type Shadowing,
} from '../../workflows/contract/schemas/traffic';

export type TrafficChange =
  /** All new runs take it, at once. */
  | { kind: 'release'; release: string }
  /** A share of them takes it; asked again with the same rollout, another share. */
  | ({ kind: 'candidate' } & Candidate)
  /** The candidate of the rollout has come to be the current one. */
  | { kind: 'promote'; rollout: string }
  /** The candidate of the rollout is taken back. */
  | { kind: 'withdraw'; rollout: string }
  /** Back from the candidate, or where there is none from the current one to the one before; with `to`, to that one, whatever stands. */
  | { kind: 'rollback'; to?: string }
  /** A share of the runs is shadowed, in place of what was shadowed before. */
  | ({ kind: 'shadow' } & Shadowing)
  | { kind: 'unshadow' };

export const isOfShadows = ({ kind }: Pick<TrafficChange, 'kind'>): boolean => kind === 'shadow' || kind === 'unshadow';

export interface RefusedTraffic {
  kind: 'refused';
  reason: 'superseded' | 'unreadable' | 'nothing-to-do' | 'under-way' | 'invalid';
  /** One line. */
  message: string;
}

/** A pointer without what each change sets anew. */
export type NextTraffic = Omit<AgentPointer, 'agent' | 'at' | 'epoch' | 'managed'>;

export const refused = (reason: RefusedTraffic['reason'], message: string): RefusedTraffic => ({
  kind: 'refused',
  reason,
  message,
});
export const shortRelease = (release: string): string => release.slice(0, 12);

export function nextTraffic(
  agent: string,
  now: AgentPointer | undefined,
  change: TrafficChange,
): NextTraffic | RefusedTraffic {
  if (change.kind === 'shadow' || change.kind === 'unshadow') return shadowed(agent, now, change);
  const next = taken(agent, now, change);
  // What shadows its runs shadows them on, whatever they take.
  return 'kind' in next || !now?.shadow ? next : { ...next, shadow: now.shadow };
}

function shadowed(
  agent: string,
  now: AgentPointer | undefined,
  change: Extract<TrafficChange, { kind: 'shadow' | 'unshadow' }>,
): NextTraffic | RefusedTraffic {
  if (!now) return refused('invalid', `no release of ${agent} takes new runs yet.`);
  const { agent: _, at: __, epoch: ___, managed: ____, shadow: before, ...rest } = now;
  if (change.kind === 'unshadow')
    return before ? rest : refused('nothing-to-do', `no share of the runs of ${agent} is shadowed.`);
  const { kind: _____, ...shadow } = change;
  if (!Number.isInteger(shadow.share) || shadow.share < 1 || shadow.share > WHOLE_SHARE)
    return refused('invalid', `a share is a whole number from 1 to ${WHOLE_SHARE}.`);
  return { ...rest, shadow };
}

function taken(
  agent: string,
  now: AgentPointer | undefined,
  change: Exclude<TrafficChange, { kind: 'shadow' | 'unshadow' }>,
): NextTraffic | RefusedTraffic {
  if (change.kind === 'release') return released(agent, now, change.release);
  if (!now) return refused('invalid', `no release of ${agent} takes new runs yet.`);
  if (change.kind === 'candidate') return offered(now, change);
  if (change.kind === 'rollback') return rolledBack(now, change.to);
  const { candidate, withdrawn = [] } = now;
  if (candidate?.rollout !== change.rollout)
    return refused('superseded', `rollout ${change.rollout} of ${agent} is not under way any more.`);
  if (change.kind === 'promote') return taking(now, candidate.release);
  // As of a rollback: whoever means to take this candidate back, and is a moment later, takes nothing else back.
  return { release: now.release, ...gone([...withdrawn, candidate.release]) };
}

function released(agent: string, now: AgentPointer | undefined, release: string): NextTraffic | RefusedTraffic {
  if (!now) return { release };
  if (now.candidate) return underWay(now, now.candidate);
  if (now.release !== release) return taking(now, release);
  if (now.managed)
    return refused('nothing-to-do', `new runs of ${agent} take release ${shortRelease(release)} already.`);
  // Its workers have published it, and leave it alone from now on.
  return { release, ...before(now.previous) };
}

function offered(
  now: AgentPointer,
  { kind: _, ...candidate }: Candidate & { kind: 'candidate' },
): NextTraffic | RefusedTraffic {
  const { share } = candidate;
  if (!Number.isInteger(share) || share < 0 || share > WHOLE_SHARE)
    return refused('invalid', `a share is a whole number from 0 to ${WHOLE_SHARE}.`);
  if (candidate.release === now.release)
    return refused('invalid', `new runs of ${now.agent} take release ${shortRelease(candidate.release)} already.`);
  if (now.candidate && now.candidate.rollout !== candidate.rollout) return underWay(now, now.candidate);
  if (now.candidate && !isSameBut(now.candidate, candidate))
    return refused('invalid', 'of a rollout that is under way nothing but the share is changed.');
  const { release, previous } = now;
  return { release, ...before(previous), candidate, ...without(now, candidate.release) };
}

const isSameBut = (one: Candidate, other: Candidate): boolean =>
  one.release === other.release && one.salt === other.salt && one.sticky === other.sticky;

const underWay = ({ agent }: AgentPointer, { release, rollout }: Candidate): RefusedTraffic =>
  refused(
    'under-way',
    `rollout ${rollout} of ${agent}, of release ${shortRelease(release)}, is under way: end it first.`,
  );

/**
 * Twice is once: two people may have typed it at the same moment, and each of them meant one step. So what stood before is forgotten, of a
 * candidate that is taken back too: whoever wants to go further names a release.
 */
function rolledBack(now: AgentPointer, to: string | undefined): NextTraffic | RefusedTraffic {
  const { agent, candidate, release, previous, withdrawn = [] } = now;
  const target = to ?? (candidate ? release : previous);
  const already = `new runs of ${agent} take release ${shortRelease(release)} already`;
  if (target === undefined)
    return refused(
      'nothing-to-do',
      `${already}, and none before it is known to go back to. To go further back name one: --to RELEASE`,
    );
  if (target === release && !candidate) return refused('nothing-to-do', `${already}.`);
  const left = [...(candidate ? [candidate.release] : []), release].filter((one) => one !== target);
  return {
    release: target,
    ...gone([...withdrawn.filter((one) => one !== target), ...left]),
  };
}

const taking = (now: AgentPointer, release: string): NextTraffic => ({
  release,
  previous: now.release,
  ...without(now, release),
});

const before = (previous: string | undefined): Pick<NextTraffic, 'previous'> =>
  previous === undefined ? {} : { previous };

/** The pointer is read at each start, and a release that was withdrawn long ago is asked for by nobody. */
const WITHDRAWN_KEPT = 20;
const gone = (releases: readonly string[]): Pick<NextTraffic, 'withdrawn'> =>
  releases.length === 0 ? {} : { withdrawn: [...new Set(releases)].slice(-WITHDRAWN_KEPT) };
/** Whoever releases it again means it. */
const without = ({ withdrawn = [] }: AgentPointer, release: string): Pick<NextTraffic, 'withdrawn'> =>
  gone(withdrawn.filter((one) => one !== release));
