// After a run of a session, and at its end: where its conversation goes on, kept where it outlives the workflow, and the runs.
import { sessionWorkflowId } from '../../workflows/contract/names';
import type { KeepSessionInput, Reached } from '../../workflows/contract/session';
import { forkChains } from '../store/fork-chains';
import type { ControlDeps } from './control-deps';
import { reachedBy } from './session-conversation';
import { readSessionRecord, sessionRecordWrite } from './session-record';

/** Repeating it changes nothing. @throws ApplicationFailure `Store.*` */
export async function keepSession(
  { store, conversation, now }: ControlDeps,
  input: KeepSessionInput,
): Promise<Reached> {
  const { session, from, ended, status, plan, answered } = input;
  const { reached, entries = [] } = ended
    ? await reachedBy(conversation, from, ended)
    : { reached: from, entries: undefined };
  const chains =
    ended && entries.length > 0
      ? await forkChains(conversation, { from: ended.run, to: sessionWorkflowId(session) }, entries)
      : { objects: [], refs: [] };
  // By which release its newest run went is not the workflow's to know.
  const { release, stays, trial } = (await readSessionRecord(store, session)) ?? {};
  const standing = { status, plan, reached, answered: answered + (ended ? 1 : 0), at: now() };
  await store.commit({
    objects: chains.objects,
    refs: [
      ...chains.refs,
      sessionRecordWrite(input, {
        ...standing,
        ...(release === undefined ? {} : { release }),
        ...(stays ? { stays } : {}),
        ...(trial ? { trial } : {}),
      }),
    ],
  });
  return reached;
}
