// Retention of sessions: one that was retired longer ago than is to be kept is forgotten. Its runs are forgotten as any.
import { allRefs, type ContentStore } from '../../activities/store';
import { SESSION_PREFIX, WAKE_MAIL, chainsOf, mailName, mailsOf } from '../../activities/store/ref-names';
import { sessionWorkflowId } from '../../workflows/contract/names';
import { sessionRecordSchema } from '../../workflows/contract/schemas/session-record';

export interface ForgottenSessions {
  sessions: number;
  /** Names of the refs that are gone, or with `dryRun` would be. */
  names: string[];
}

/**
 * One that a schedule still wakes stays: its record is what tells the schedule that nobody answers.
 * @param retiredBefore milliseconds since the epoch
 */
export async function forgetSessions(
  store: ContentStore,
  retiredBefore: number,
  dryRun: boolean,
): Promise<ForgottenSessions> {
  const forgotten: ForgottenSessions = { sessions: 0, names: [] };
  for (const { name, value, version } of await allRefs(store, SESSION_PREFIX)) {
    const { data } = sessionRecordSchema.safeParse(value);
    if (data?.status !== 'retired' || data.at >= retiredBefore) continue;
    const mails = (await allRefs(store, mailsOf(data.id))).map((mail) => mail.name);
    if (mails.some((mail) => mail.startsWith(mailName(data.id, WAKE_MAIL)))) continue;
    const chains = (await allRefs(store, chainsOf(sessionWorkflowId(data.id)))).map((chain) => chain.name);
    forgotten.sessions += 1;
    forgotten.names.push(...chains, ...mails, name);
    if (dryRun) continue;
    for (const gone of [...chains, ...mails]) await store.deleteRef(gone);
    // Last: one that was cut off is found again.
    await store.deleteRef(name, version);
  }
  return forgotten;
}
