// Which release answers a message of a session. Between two messages nothing of it is under way, so there it goes with new runs: unless
// somebody holds it, or what was said in it does not fit what new runs take. Then it stays with what it had, and its record says why.
import type { Message, UserMessage } from '../../workflows/contract/message';
import type { ReleaseManifest } from '../../workflows/contract/release';
import type { AgentPointer } from '../../workflows/contract/schemas/traffic';
import type { SessionRecord } from '../../workflows/contract/schemas/session-record';
import type { BeginSessionRunInput } from '../../workflows/contract/session';
import { pickRelease, readPointer, type PickedRelease } from '../store/pick-release';
import { releaseMisfits, takesMessage } from '../store/release-fit';
import { holdsNow, readSessionHold } from '../store/session-hold';
import type { ControlDeps } from './control-deps';
import { manifestOf } from './manifest-of';
import { readSessionRecord } from './session-record';

export interface PickedForSession extends PickedRelease {
  manifest: ReleaseManifest;
  stays?: NonNullable<SessionRecord['stays']>;
  /** While a rollout is under way: whether its runs count there. */
  trial?: NonNullable<SessionRecord['trial']>;
}

type Store = Pick<ControlDeps, 'store'>;

export const pinned = async ({ store }: Store, release: string): Promise<PickedForSession> => ({
  release,
  manifest: await manifestOf(store, release),
});

/**
 * What new runs take, unless the message does not fit that: then the one that it was checked against, if that was not taken back.
 * @param said in the session before it
 */
export async function pickForSession(
  deps: Store,
  { agent, tenant, session, mail }: Pick<BeginSessionRunInput, 'agent' | 'tenant' | 'session' | 'mail'>,
  { message, said }: { message: UserMessage; said: readonly Message[] },
): Promise<PickedForSession> {
  const { store } = deps;
  const [found, hold, record] = await Promise.all([
    readPointer(store, agent),
    readSessionHold(store, session),
    readSessionRecord(store, session),
  ]);
  if (!found) return await pinned(deps, mail.release);
  const { pointer } = found;
  if (holdsNow(hold, pointer)) return { ...(await pinned(deps, hold.release)), ...triedAs(record?.trial) };
  const { rollout, ...picked } = pickRelease(pointer, { tenant, session, run: mail.run });
  const newest = { ...picked, manifest: await manifestOf(store, picked.release) };
  const isGone = (release: string): boolean => pointer.withdrawn?.includes(release) ?? false;
  const last = record?.release;
  const isLeft = last === undefined || isGone(last);
  const had = isLeft ? undefined : last === newest.release ? newest : await pinned(deps, last);
  const misfits = ({ manifest }: Pick<PickedForSession, 'manifest'>): string[] =>
    had ? releaseMisfits({ from: had.manifest, to: manifest, messages: said, answers: 'given' }) : [];
  const trial = await trialOf(deps, pointer, { record, misfits });
  // Of either arm: what the candidate would not take is a run of neither.
  const isTried = trial?.counts === true && (await candidateTakes(deps, pointer, message));
  const tried = { ...triedAs(trial), ...(rollout && isTried ? { rollout } : {}) };
  if (had && had.release !== newest.release) {
    const why = misfits(newest);
    // Of the two it is the one that can be answered at all.
    if (why.length > 0 && takesMessage(had.manifest, message))
      return { ...had, ...tried, stays: { insteadOf: newest.release, why } };
  }
  const isTaken = picked.release === mail.release || takesMessage(newest.manifest, message);
  return isTaken || isGone(mail.release)
    ? { ...newest, ...tried }
    : { ...(await pinned(deps, mail.release)), ...triedAs(trial) };
}

const candidateTakes = async (deps: Store, { candidate }: AgentPointer, message: UserMessage): Promise<boolean> =>
  candidate !== undefined && takesMessage(await manifestOf(deps.store, candidate.release), message);

const triedAs = (trial: SessionRecord['trial']): Pick<PickedForSession, 'trial'> => (trial ? { trial } : {});

/**
 * A session counts in a rollout only where it could go on with the candidate, whichever of the two it is given: if those that cannot counted with
 * the current release alone, its arm would have other sessions than the candidate's. That is found at its first message of the rollout, and holds
 * to the end: what it says later follows from what it was given.
 */
async function trialOf(
  deps: Store,
  { candidate }: AgentPointer,
  {
    record,
    misfits,
  }: { record: SessionRecord | undefined; misfits(to: Pick<PickedForSession, 'manifest'>): readonly string[] },
): Promise<SessionRecord['trial']> {
  if (!candidate) return undefined;
  if (record?.trial?.rollout === candidate.rollout) return record.trial;
  const counts = record?.release === candidate.release || misfits(await pinned(deps, candidate.release)).length === 0;
  return { rollout: candidate.rollout, counts };
}
