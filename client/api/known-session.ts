// A session that the caller may see. Another's is answered as one that does not exist.
import type { AnyAgent } from '../../activities/define/agent';
import { findSession } from '../session-record';
import type { SessionHandle } from '../session-handle';
import { seesAgent, seesTenant, type Caller } from './caller';
import { Problem } from './problem';
import type { ApiRequest } from './route';

export interface KnownSession {
  agent: string;
  tenant: string;
  /** Of whatever agent: what its messages are is its release's to check. */
  handle: SessionHandle<AnyAgent>;
}

type Asking = Pick<ApiRequest<unknown, unknown, unknown>, 'caller' | 'deps' | 'client'>;

/** @throws Problem `Session.NotFound`; ClientError `no-worker` where its first message is on its way and nobody tells */
export async function knownSession(asking: Asking, id: string): Promise<KnownSession> {
  const found = await seenSession(asking, id);
  if (found) return found;
  throw noSession(id);
}

/** @returns undefined where there is none, or none of the caller's */
export async function seenSession({ caller, deps, client }: Asking, id: string): Promise<KnownSession | undefined> {
  const of = await findSession(deps, id);
  if (!of || !mayReach(caller, of)) return undefined;
  return { ...of, handle: client().session<AnyAgent>(of.agent, id, { tenant: of.tenant }) };
}

export const mayReach = (caller: Caller, { agent, tenant }: { agent: string; tenant: string }): boolean =>
  seesTenant(caller, tenant) && seesAgent(caller, agent);

export const noSession = (id: string): Problem =>
  new Problem('Session.NotFound', `there is no session "${id.slice(0, 80)}": its first message begins it.`);
