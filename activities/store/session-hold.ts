// A session that somebody holds at one release: its next messages are answered by that one, whatever new runs take.
import { sessionHoldSchema, type SessionHold } from '../../workflows/contract/schemas/session-record';
import type { AgentPointer } from '../../workflows/contract/schemas/traffic';
import type { ContentStore } from './port';
import { sessionHoldName } from './ref-names';

/** Undefined where nobody holds it. */
export async function readSessionHold(
  store: Pick<ContentStore, 'readRef'>,
  session: string,
): Promise<SessionHold | undefined> {
  const ref = await store.readRef(sessionHoldName(session));
  return ref && sessionHoldSchema.parse(ref.value);
}

/**
 * A release that was taken back begins no run any more, and a hold of before is no exception: then the session goes with all others. A hold of
 * another agent, whose session had the id before, holds nothing.
 */
export const holdsNow = (
  hold: SessionHold | undefined,
  { agent, withdrawn = [] }: Pick<AgentPointer, 'agent' | 'withdrawn'>,
): hold is SessionHold => hold?.agent === agent && !withdrawn.includes(hold.release);
