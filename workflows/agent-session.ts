// The workflow of a session: the mailbox of a persistent agent, and the one run at a time that answers it. What it decides is in session/;
// this file is only how it is held up.
import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  patched,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { sessionActivities } from './activity-proxies';
import type { RunFailure } from './contract/failures';
import type { RunEnded } from './contract/run-ended';
import type { KeepSessionInput, SendAnswer, SendRequest, SessionInput, SessionResult } from './contract/session';
import { meaningOf } from './failure-meaning';
import {
  parentCancelledSignal,
  pauseSignal,
  resumeSignal,
  retireSignal,
  runEndedSignal,
  sendUpdate,
  sessionQuery,
} from './messages';
import { joined, maySteer, sendRefusal, take, type Session } from './session/mailbox';
import { nextStep, type NextStep } from './session/next-step';
import {
  cancelSession,
  dropAll,
  newSession,
  pauseSession,
  putBack,
  resumeSession,
  retireSession,
  settle,
  takeBegun,
  takeDue,
  takeEnd,
  takeNext,
} from './session/session-state';
import { viewOf } from './session/session-view';

/**
 * Events of one execution. A worker that takes it over reads them all before anybody is answered, at some milliseconds a request; the server
 * takes no more than 2,000 updates an execution. A message costs some thirty.
 */
const EVENTS_MOST = 1_000;

/** Counts what reaches the session from outside, so that it can wait for more. */
interface Changes {
  count: number;
}

/** @returns where it came to, when it was retired or nothing was said for its idle time; the next message begins it again after that. */
export async function agentSession(input: SessionInput): Promise<SessionResult> {
  const session: Session = { input, state: input.carried ?? newSession(input, Date.now()) };
  const changes: Changes = { count: 0 };
  bindMessages(session, changes);
  bindLifecycle(session, changes);
  const shield = new CancellationScope({ cancellable: false });
  const work = new CancellationScope({ cancellable: true, parent: shield });
  hearCancel(session, changes, work);
  return await work.run(() => live(session, changes));
}

/** By plain Temporal. What it is doing then is not cut off: a message that was accepted would be lost with it. */
function hearCancel({ state }: Session, changes: Changes, work: CancellationScope): void {
  CancellationScope.current().cancelRequested.catch(() => {
    if (!patched('drop-when-cancelled')) return work.cancel();
    cancelSession(state);
    changes.count += 1;
  });
}

async function live(session: Session, changes: Changes): Promise<SessionResult> {
  const { input, state } = session;
  for (;;) {
    // Between two steps no activity is under way, and a signal that comes now is the next execution's: none is lost. A cancel would be.
    if (isLong() && allHandlersFinished() && !state.cancelled)
      return await continueAsNew<typeof agentSession>({ ...input, carried: state });
    takeDue(state, Date.now());
    const step = nextStep(state, Date.now());
    const before = changes.count;
    try {
      await doStep(session, step, changes);
    } catch (error) {
      const failure = meaningOf(error);
      if (failure === undefined || failure === 'cancelled') throw error;
      // What comes back by itself is waited for inside of the activity: this is for a person.
      putBack(state);
      pauseSession(state, { reason: `${failure.type}: ${failure.message}` });
      await untilChanged(changes, before, Infinity);
      continue;
    }
    if (step.do !== 'end') continue;
    await condition(allHandlersFinished);
    // Whoever wrote to it meanwhile is answered.
    if (changes.count !== before) continue;
    const result: SessionResult = { status: step.as, reached: state.reached, answered: state.answered };
    if (state.cancelled) throw new CancelledFailure(state.cancelled.reason, [result]);
    return result;
  }
}

/** The history is long enough to be left behind. */
const isLong = (): boolean => workflowInfo().historyLength >= EVENTS_MOST || workflowInfo().continueAsNewSuggested;

async function untilChanged(changes: Changes, before: number, withinMs: number): Promise<void> {
  const holds = (): boolean => changes.count !== before;
  if (withinMs === Infinity) await condition(holds);
  else await condition(holds, withinMs);
}

async function doStep(session: Session, step: NextStep, changes: Changes): Promise<void> {
  const { state } = session;
  switch (step.do) {
    case 'begin':
      return await begin(session);
    case 'stop':
      if (state.current) state.current.isStopping = true;
      return await stop(session, step.run, step.reason);
    case 'follow':
      return await follow(session, step.run, step.withinMs, changes);
    case 'settle':
      return settle(
        state,
        await sessionActivities.keepSession({ ...keptOf(session), ended: step.ended, status: 'open' }),
        Date.now(),
      );
    case 'drop':
      // Nobody is told of those that are forgotten before their records say so.
      await sessionActivities.dropMessages({
        ...{ ...contextOf(session), reason: step.reason },
        mails: [...state.waiting, ...state.later],
      });
      return void dropAll(state);
    case 'end':
      return void (await sessionActivities.keepSession({ ...keptOf(session), status: step.as }));
    case 'rest':
      return await untilChanged(changes, changes.count, step.withinMs);
  }
}

const contextOf = ({ input: { session, agent, tenant } }: Session) => ({ session, agent, tenant });
const keptOf = (session: Session): Omit<KeepSessionInput, 'status' | 'ended'> => {
  const { reached, plan, answered } = session.state;
  return { ...contextOf(session), from: reached, plan, answered };
};

async function begin(session: Session): Promise<void> {
  const { state } = session;
  const mail = takeNext(state);
  if (!mail) return;
  const result = await sessionActivities.beginSessionRun({ ...keptOf(session), mail });
  takeBegun(state, result, Date.now());
}

/** Its end is told by itself. What was terminated from outside tells nothing, and is found here. */
async function follow({ state }: Session, run: string, withinMs: number, changes: Changes): Promise<void> {
  const before = changes.count;
  await untilChanged(changes, before, withinMs);
  if (changes.count !== before || !state.current) return;
  state.current.looks += 1;
  const ended = await sessionActivities.findRunEnd(run);
  if (ended) takeEnd(state, ended);
}

/** One that waits for a place in a queue leaves it: nobody would hear a signal. */
async function stop(session: Session, run: string, reason: string): Promise<void> {
  const queue = session.state.current?.queue;
  const about = { ...contextOf(session), run, reason };
  if (queue !== undefined && (await sessionActivities.withdrawSessionRun({ ...about, queue }))) return;
  await stopRun(run, reason);
}

/** One that is over by now needs none. Whatever comes of it, its end is waited for. */
async function stopRun(run: string, reason: string): Promise<void> {
  const handle = getExternalWorkflowHandle(run);
  await handle.signal(parentCancelledSignal, { reason }).catch(() => undefined);
  await handle.cancel().catch(() => undefined);
}

const refusedBy = ({ type, message }: RunFailure): ApplicationFailure => ApplicationFailure.nonRetryable(message, type);

function bindMessages(session: Session, changes: Changes): void {
  const { state } = session;
  /** Messages that the run under way is being told. */
  const telling = new Set<string>();

  async function send(request: SendRequest): Promise<SendAnswer> {
    if (telling.has(request.id)) await condition(() => !telling.has(request.id));
    const run = state.current?.mail.run;
    if (run !== undefined && maySteer(session, request)) {
      telling.add(request.id);
      const isHeard = await tell(session, run, request).finally(() => telling.delete(request.id));
      if (isHeard) return joined(state, request, run, Date.now());
      // Meanwhile it may have been retired, or its mailbox has filled.
      const refusal = sendRefusal(session, request);
      if (refusal) throw refusedBy(refusal);
    }
    return take(session, request, Date.now());
  }

  setHandler(sendUpdate, (request) => send(request).finally(() => (changes.count += 1)), {
    description: 'A message, which is in the store already: "longhaul session send" puts it there.',
    validator: (request: SendRequest) => {
      const refusal = sendRefusal(session, request);
      if (refusal) throw refusedBy(refusal);
    },
  });
  setHandler(runEndedSignal, (ended?: RunEnded) => {
    takeEnd(state, ended);
    changes.count += 1;
  });
  setHandler(sessionQuery, () => viewOf(session), { description: 'Where it is, what is answered, what waits.' });
}

/** False where it cannot be told any more: then the message is answered by a run of its own. */
async function tell(session: Session, run: string, { id, message }: SendRequest): Promise<boolean> {
  const { state } = session;
  try {
    return await sessionActivities.steerSessionRun({ ...contextOf(session), run, message, id });
  } catch (error) {
    const failure = meaningOf(error);
    // The run under way is stopped, and the sender told so.
    if (failure === undefined || (failure === 'cancelled' && !state.cancelled)) throw error;
    return false;
  }
}

function bindLifecycle({ state }: Session, changes: Changes): void {
  const bound = [
    [pauseSignal, pauseSession, 'Answer nothing more until it is resumed; what is being answered goes on.'],
    [resumeSignal, () => resumeSession(state, Date.now()), 'Go on after a pause, whoever or whatever paused it.'],
    [retireSignal, retireSession, 'Take no message any more, answer what was taken, and end.'],
  ] as const;
  for (const [signal, change, description] of bound)
    setHandler(
      signal,
      (request?: { reason?: string }) => {
        change(state, request);
        changes.count += 1;
      },
      { description },
    );
}
