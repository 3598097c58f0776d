// Messages that a session does not answer any more: it is retired, or was cancelled.
import type { DropMessagesInput } from '../../workflows/contract/session';
import { mailName } from '../store/ref-names';
import type { ControlDeps } from './control-deps';
import { eachOf } from './each-of';
import { unansweredRun } from './unanswered-message';

/** Repeating it changes nothing. @throws ApplicationFailure `Store.*` */
export async function dropMessages({ store, now }: ControlDeps, input: DropMessagesInput): Promise<void> {
  const failure = { type: 'Run.Cancelled' as const, message: input.reason };
  // Several at a time: a full mailbox, one by one, may take longer than the activity has.
  await eachOf(input.mails, async (mail) => {
    await store.commit({ refs: [unansweredRun(input, mail, { at: now(), outcome: 'cancelled', failure })] });
    await store.deleteRef(mailName(input.session, mail.id));
  });
}
