// What a session shows of itself: counts, hashes and previews.
import type { Mail, MailView, SessionInput, SessionState, SessionView } from '../contract/session';

export function viewOf({ input, state }: { input: SessionInput; state: SessionState }): SessionView {
  const { session, agent, tenant } = input;
  const { plan, reached, current, answered, activeAt } = state;
  const reason =
    state.retiring?.reason ??
    state.paused?.reason ??
    state.cancelled?.reason ??
    (state.full && `the queue ${state.full.queue} is full`);
  return {
    ...{ session, agent, tenant, status: statusOf(state), plan, reached, answered, activeAt },
    ...(reason === undefined ? {} : { reason }),
    ...(current ? { run: current.mail.run, answering: mailView(current.mail) } : {}),
    waiting: state.waiting.map(mailView),
    later: state.later.map(mailView),
  };
}

function statusOf({ retiring, paused, current }: SessionState): SessionView['status'] {
  if (retiring) return 'retiring';
  if (paused) return 'paused';
  return current ? 'answering' : 'idle';
}

const mailView = ({ id, run, preview, sentAt, dueAt }: Mail): MailView => ({
  ...{ id, run, preview, sentAt },
  ...(dueAt === undefined ? {} : { dueAt }),
});
