// Messages that a session does not answer any more: it is retired, or was cancelled.
import type { DropMessagesInput } from '../../workflows/contract/session';
import { mailName } from '../store/ref-names';
import type { ControlDeps } from './control-deps';
import { unansweredRun } from './unanswered-message';

/** Repeating it changes nothing. @throws ApplicationFailure `Store.*` */
export async function dropMessages({ store, now }: ControlDeps, input: DropMessagesInput): Promise<void> {
  const failure = { type: 'Run.Cancelled' as const, message: input.reason };
  for (const mail of input.mails) {
    await store.commit({ refs: [unansweredRun(input, mail, { at: now(), outcome: 'cancelled', failure })] });
    await store.deleteRef(mailName(input.session, mail.id));
  }
}
