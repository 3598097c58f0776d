// Which release answers a message of a session. Between two messages nothing of it is under way, so there it goes with new runs: unless
// somebody holds it, or what was said in it does not fit what new runs take. Then it stays with what it had, and its record says why.
import { z } from 'zod';
import type { Message, UserMessage } from '../../workflows/contract/message';
import type { ReleaseManifest } from '../../workflows/contract/release';
import type { SessionRecord } from '../../workflows/contract/schemas/session-record';
import type { BeginSessionRunInput } from '../../workflows/contract/session';
import { pickRelease, readPointer, type PickedRelease } from '../store/pick-release';
import { releaseMisfits } from '../store/release-fit';
import { holdsNow, readSessionHold } from '../store/session-hold';
import type { ControlDeps } from './control-deps';
import { manifestOf } from './manifest-of';
import { readSessionRecord } from './session-record';

export interface PickedForSession extends PickedRelease {
  manifest: ReleaseManifest;
  stays?: NonNullable<SessionRecord['stays']>;
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
  if (holdsNow(hold, pointer)) return await pinned(deps, hold.release);
  const picked = pickRelease(pointer, { tenant, session, run: mail.run });
  const newest = { ...picked, manifest: await manifestOf(store, picked.release) };
  const isGone = (release: string): boolean => pointer.withdrawn?.includes(release) ?? false;
  const last = record?.release;
  if (last !== undefined && last !== newest.release && !isGone(last)) {
    const stayed = await pinned(deps, last);
    const why = releaseMisfits({ from: stayed.manifest, to: newest.manifest, messages: said, answers: 'given' });
    // Of the two it is the one that can be answered at all.
    if (why.length > 0 && isInput(stayed.manifest, message))
      return { ...stayed, stays: { insteadOf: newest.release, why } };
  }
  const isTaken = picked.release === mail.release || isInput(newest.manifest, message);
  return isTaken || isGone(mail.release) ? newest : await pinned(deps, mail.release);
}

function isInput({ input }: ReleaseManifest, { parts }: UserMessage): boolean {
  if (!input) return true;
  const [text] = parts.flatMap((part) => (part.type === 'text' ? [part.text] : []));
  try {
    return z.fromJSONSchema(input).safeParse(JSON.parse(text ?? '')).success;
  } catch {
    return false;
  }
}
