// Which messages a session takes, and where they stand. The same id is the same message, for as long as it is remembered.
import { PREVIEW_CHARS, SESSION_MESSAGE_ID_CHARS } from '../contract/limits';
import type { RunFailure } from '../contract/failures';
import type { Mail, RecentMessage, SendAnswer, SendRequest, SessionInput, SessionState } from '../contract/session';

/** Messages whose ids are carried. A repeat of an older one is known by its run's record, when it is about to be answered. */
export const RECENT_MAX = 1_000;
/** Of a hash, to tell that a repeat says something else. */
const HASH_CHARS = 16;

export interface Session {
  readonly input: SessionInput;
  readonly state: SessionState;
}

/** @returns why a message is refused, undefined when it is not */
export function sendRefusal({ input, state }: Session, request: SendRequest): RunFailure | undefined {
  const malformed = problemOf(request);
  if (malformed !== undefined) return { type: 'Session.BadMessage', message: malformed };
  // Another tenant's session is none.
  if (request.tenant !== input.tenant || request.agent !== input.agent)
    return { type: 'Session.NotFound', message: `there is no session "${input.session}" of agent ${request.agent}.` };
  const known = knownOf(state, request.id);
  if (known) return changed(known, request);
  if (state.retiring)
    return {
      type: 'Session.Retired',
      message: `the session is retired: ${state.retiring.reason}. It takes no message.`,
    };
  if (state.cancelled)
    return { type: 'Session.Busy', message: `${state.cancelled.reason}: send it again when that is done.` };
  const { onBusy, mailbox } = state.plan;
  const isNow = dueAtOf(request, 0) === undefined;
  if (onBusy === 'reject' && isNow && isBusy(state))
    return { type: 'Session.Busy', message: `it is answering another message: send it again when that is answered.` };
  const held = state.waiting.length + state.later.length;
  if (held < mailbox) return undefined;
  return { type: 'Session.MailboxFull', message: `${held} messages wait already, and it holds ${mailbox} at most.` };
}

const changed = ({ hash }: RecentMessage, { id, message }: SendRequest): RunFailure | undefined =>
  hash === message.slice(0, HASH_CHARS)
    ? undefined
    : {
        type: 'Session.MessageChanged',
        message: `message "${id}" was sent before and said something else: choose another id.`,
      };

/** Whoever has been told of a run's end may send the next: the session has been told before. */
const isBusy = ({ current, waiting }: SessionState): boolean =>
  (current !== undefined && current.ended === undefined) || waiting.length > 0;

/** By plain Temporal anybody may send anything. */
function problemOf(request: unknown): string | undefined {
  if (typeof request !== 'object' || request === null) return HOW;
  const fields = new Map<string, unknown>(Object.entries(request));
  const isText = (name: string, most: number): boolean => {
    const value = fields.get(name);
    return typeof value === 'string' && value !== '' && value.length <= most;
  };
  const texts: [string, number][] = [
    ['id', SESSION_MESSAGE_ID_CHARS],
    ['run', RUN_ID_CHARS],
    ['agent', RUN_ID_CHARS],
    ['tenant', RUN_ID_CHARS],
  ];
  if (!texts.every(([name, most]) => isText(name, most))) return HOW;
  if (![fields.get('message'), fields.get('release')].every(isHash)) return HOW;
  const preview = fields.get('preview');
  if (typeof preview !== 'string' || preview.length > PREVIEW_CHARS) return HOW;
  return [fields.get('at'), fields.get('afterMs')].every(isTime) ? undefined : HOW;
}
const HOW = 'a message names its id, run, agent, tenant, preview, and the hashes of what it says and of a release.';
const RUN_ID_CHARS = 400;
const isHash = (value: unknown): boolean => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
const isTime = (value: unknown): boolean =>
  value === undefined || (typeof value === 'number' && Number.isFinite(value));

/** A message that is not refused. What was sent before changes nothing. */
export function take({ state }: Session, request: SendRequest, now: number): SendAnswer {
  if (knownOf(state, request.id)) return repeatedAnswer(state, request);
  const dueAt = dueAtOf(request, now);
  const mail = mailOf(request, now, dueAt);
  remember(state, request);
  if (dueAt !== undefined && dueAt > now) {
    state.later = [...state.later, mail].sort((one, other) => (one.dueAt ?? 0) - (other.dueAt ?? 0));
    return answerTo(state, mail);
  }
  state.activeAt = now;
  state.waiting = [...state.waiting, mail];
  if (state.plan.onBusy === 'interrupt' && state.current) state.current.interruptedBy ??= mail.id;
  return answerTo(state, mail);
}

/** Whether a message is passed to the run under way. */
export function maySteer({ state }: Session, request: SendRequest): boolean {
  const { current, plan } = state;
  if (plan.onBusy !== 'steer' || dueAtOf(request, 0) !== undefined || knownOf(state, request.id)) return false;
  return current?.begunAt !== undefined && current.ended === undefined && state.waiting.length === 0;
}

/** The run under way has taken it. */
export function joined(state: SessionState, request: SendRequest, run: string, now: number): SendAnswer {
  remember(state, request, run);
  state.activeAt = now;
  return { run, state: 'joined', position: 0 };
}

function remember(state: SessionState, { id, message }: SendRequest, run?: string): void {
  const entry = { id, hash: message.slice(0, HASH_CHARS), ...(run === undefined ? {} : { run }) };
  state.recent = [...state.recent, entry].slice(-RECENT_MAX);
}

const knownOf = ({ recent }: SessionState, id: string): RecentMessage | undefined =>
  recent.find((known) => known.id === id);

function repeatedAnswer(state: SessionState, { id, run }: SendRequest): SendAnswer {
  const known = knownOf(state, id);
  if (known?.run !== undefined) return { run: known.run, state: 'joined', position: 0, repeated: true };
  const mails = [...(state.current ? [state.current.mail] : []), ...state.waiting, ...state.later];
  const mail = mails.find((one) => one.id === id);
  if (!mail) return { run, state: 'answered', position: 0, repeated: true };
  return { ...answerTo(state, mail), repeated: true };
}

function answerTo({ current, waiting, later, paused }: SessionState, { id, run }: Mail): SendAnswer {
  if (current?.mail.id === id) return { run, state: 'answering', position: 0 };
  const ahead = current ? 1 : 0;
  const at = waiting.findIndex((mail) => mail.id === id);
  if (at === -1) {
    const nth = later.findIndex((mail) => mail.id === id);
    return { run, state: 'later', position: ahead + waiting.length + Math.max(nth, 0) };
  }
  const position = ahead + at;
  return { run, state: position === 0 && !paused ? 'answering' : 'waiting', position };
}

const dueAtOf = ({ at, afterMs }: SendRequest, now: number): number | undefined =>
  at ?? (afterMs === undefined ? undefined : now + afterMs);

const mailOf = (request: SendRequest, now: number, dueAt?: number): Mail => {
  const { id, run, message, preview, release, user, isWatched } = request;
  return {
    ...{ id, run, message, preview, release, sentAt: now },
    ...(user === undefined ? {} : { user }),
    ...(dueAt === undefined ? {} : { dueAt }),
    ...(isWatched ? { isWatched } : {}),
  };
};
