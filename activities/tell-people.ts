// What a run asks people, kept where an inbox finds it and where it outlives the history: who was asked what, and who decided what, when
// and why.
import type { TellPeopleInput } from '../workflows/contract/activities';
import { requestRecordSchema, type RequestRecord } from '../workflows/contract/schemas/approval';
import { signerOf } from './approvals/require-approval';
import type { ActivityDeps, Attempt } from './deps';
import { failure } from './failure';
import { inboxName, requestName } from './store/ref-names';

/** Another system that does not answer must not hold up the run: after so many attempts it is left untold. */
const TELLS_MAX = 5;

/** Repeating it changes nothing but that another system is told again. */
export async function tellPeople(deps: ActivityDeps, input: TellPeopleInput, attempt: Attempt): Promise<void> {
  const { request, decision, about, agent, release, tenant } = input;
  const { store, approvers } = deps;
  const name = requestName(request.run, request.number);
  const inbox = inboxName(attempt.workflowId, request.number);
  const by = decision && signerOf(approvers, decision);
  const value: RequestRecord = {
    schemaVersion: 1,
    ...{ id: attempt.workflowId, agent, release, tenant, request },
    ...(decision ? { decision: { ...decision, verified: by !== undefined } } : {}),
  };
  const stored = await store.readRef(name);
  const known = requestRecordSchema.safeParse(stored?.value).data;
  // After a reset the run numbers its requests anew: what another of its executions asked gives way.
  const isDecided = known?.decision !== undefined && known.request.askedAt === request.askedAt;
  if (decision || !isDecided) {
    const { conflicts } = await store.commit({
      refs: [
        stored ? { op: 'compare-and-set', name, version: stored.version, value } : { op: 'create', name, value },
        ...(decision ? [] : [{ op: 'put' as const, name: inbox, value: { request: name } }]),
      ],
    });
    if (conflicts.length > 0)
      throw failure('Store.Unavailable', `request ${request.number} is recorded by another attempt.`);
  }
  if (decision && known?.decision === undefined)
    deps.metrics.requestDecided({
      ...{ agent, release, verdict: decision.verdict },
      seconds: Math.max(0, decision.decidedAt - request.askedAt) / 1_000,
    });
  if (decision) await store.deleteRef(inbox);
  if (!deps.tellPeople) return;
  try {
    await deps.tellPeople({
      ...{ about, run: attempt.workflowId, agent, tenant, request },
      ...(decision ? { decision } : {}),
      ...(by === undefined ? {} : { by }),
    });
  } catch (error) {
    if (attempt.number < TELLS_MAX) throw error;
  }
}
