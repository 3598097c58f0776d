// A session: a persistent agent. Its messages wait in a mailbox, each is answered by a run of its own, and the conversation goes on from run
// to run.
import type { RunFailure } from './failures';
import type { RunEnded } from './run-ended';

/** What becomes of a message that comes while another is being answered. */
export const ON_BUSY = ['enqueue', 'reject', 'interrupt', 'steer'] as const;
export type OnBusy = (typeof ON_BUSY)[number];

/** As the agent's release says it. */
export interface SessionPlan {
  onBusy: OnBusy;
  /** Messages that wait, at most; those for a later time count too. */
  mailbox: number;
  /** Without a message for so long, its workflow ends; the next message begins it again, where it was. */
  idleMs: number;
}

/** How far a session's conversation has come: names all of it. */
export interface Reached {
  head: string | null;
  length: number;
}

export interface SessionInput {
  schemaVersion: 1;
  /** The caller's name of it. */
  session: string;
  agent: string;
  tenant: string;
  plan: SessionPlan;
  /** Where it had come to before its workflow ended for want of messages. */
  from?: Reached;
  /** Messages that had come to an end before. */
  answered?: number;
  /** Set by continue-as-new. */
  carried?: SessionState;
}

/** A message that was accepted; what it says is in the store. */
export interface Mail {
  /** The caller's: the same id is the same message. */
  id: string;
  /** Id of the run that answers it. */
  run: string;
  /** Hash of the message. */
  message: string;
  /** What people read of it. */
  preview: string;
  /** Whose input it was checked against. Another may be the agent's by the time that it is answered. */
  release: string;
  user?: string;
  /** A caller is told of its run. */
  isWatched?: true;
  /** Milliseconds since the epoch, by the workflow's clock, as all times here. */
  sentAt: number;
  /** It is not answered before. */
  dueAt?: number;
}

export interface SendRequest extends Omit<Mail, 'sentAt' | 'dueAt'> {
  agent: string;
  tenant: string;
  /** Not before this time: milliseconds since the epoch. */
  at?: number;
  /** Not before so many milliseconds from now. */
  afterMs?: number;
}

/** `joined`: the run under way was told. */
export type SentState = 'answering' | 'waiting' | 'later' | 'joined' | 'answered';

export interface SendAnswer {
  /** Id of the run that answers it. */
  run: string;
  state: SentState;
  /** Messages that are answered before it. */
  position: number;
  /** It was sent before, and is not sent again. */
  repeated?: true;
}

export interface LifecycleRequest {
  reason?: string;
}

/** What continue-as-new carries. */
export interface SessionState {
  schemaVersion: 1;
  plan: SessionPlan;
  reached: Reached;
  /** What is being answered. */
  current?: CurrentRun;
  /** In the order in which they are answered. */
  waiting: Mail[];
  /** For a later time, the earliest first. */
  later: Mail[];
  /** The newest messages that were accepted, oldest first. */
  recent: RecentMessage[];
  paused?: { reason: string };
  /** The queue of its runs is full: when it is asked again. */
  full?: { queue: string; until: number };
  /** No message is taken any more: what was accepted is answered, and then it ends. */
  retiring?: { reason: string };
  /** By plain Temporal, which is never carried: no message is taken, what is answered is stopped, what waits is dropped, and then it ends. */
  cancelled?: { reason: string };
  /** Messages that came to an end. */
  answered: number;
  /** Of the last message or answer. */
  activeAt: number;
}

export interface CurrentRun {
  mail: Mail;
  /** Set once the run was started. */
  begunAt?: number;
  /** Of the release that it was started with. */
  release?: string;
  /** Id of the queue's workflow that starts it. */
  queue?: string;
  /** A newer message does not wait for it to finish. */
  interruptedBy?: string;
  /** It was told to end. */
  isStopping?: true;
  ended?: RunEnded;
  /** How often was looked whether it has ended unheard. */
  looks: number;
}

/** As little as tells a repeat: the hash's beginning, and the run, where that is not the message's own. */
export interface RecentMessage {
  id: string;
  hash: string;
  run?: string;
}

export interface SessionView {
  session: string;
  agent: string;
  tenant: string;
  status: 'idle' | 'answering' | 'paused' | 'retiring';
  reason?: string;
  plan: SessionPlan;
  reached: Reached;
  /** Id of the run under way. */
  run?: string;
  /** What it answers. */
  answering?: MailView;
  waiting: MailView[];
  later: MailView[];
  answered: number;
  activeAt: number;
}

export type MailView = Pick<Mail, 'id' | 'run' | 'preview' | 'sentAt' | 'dueAt'>;

export interface SessionResult {
  status: 'retired' | 'asleep';
  reached: Reached;
  answered: number;
}

/** Of whichever session an activity works for. */
export interface SessionContext {
  session: string;
  agent: string;
  tenant: string;
}

export interface BeginSessionRunInput extends SessionContext {
  mail: Mail;
  /** The conversation that it goes on with. */
  from: Reached;
  plan: SessionPlan;
  answered: number;
}
export type BeginSessionRunResult =
  /** `queue`: id of the queue's workflow in which it waits for a place. */
  | { kind: 'begun'; release: string; plan?: SessionPlan; ended?: RunEnded; queue?: string }
  /** The queue is full. Nothing of it is kept: the message waits, and is tried again. */
  | { kind: 'full'; queue: string; retryAfterMs: number }
  /** A run has answered the message before. */
  | { kind: 'repeated' }
  /** It cannot be answered, and its run's record says so. */
  | { kind: 'refused'; failure: RunFailure };

/** Where the session goes on from, once a run has ended or the session itself is over. */
export interface KeepSessionInput extends SessionContext {
  from: Reached;
  ended?: Pick<RunEnded, 'run' | 'outcome' | 'failure' | 'head' | 'length'>;
  status: 'open' | 'retired' | 'asleep';
  plan: SessionPlan;
  answered: number;
}

export interface SteerSessionRunInput extends SessionContext {
  run: string;
  /** Hash. */
  message: string;
  /** Of the message: the same text may be said twice. Absent where an older session asks. */
  id?: string;
}

export interface WithdrawSessionRunInput extends SessionContext {
  run: string;
  /** Id of the queue's workflow. */
  queue: string;
  reason: string;
}

export interface DropMessagesInput extends SessionContext {
  mails: Mail[];
  reason: string;
}

/** A message that comes by itself, at a time that Temporal keeps. */
export interface SessionWakeInput {
  schemaVersion: 1;
  session: string;
  agent: string;
  tenant: string;
  user?: string;
  /** Of the schedule: with the time it is the message's id. */
  name: string;
  message: string;
  preview: string;
  release: string;
}

export interface SessionActivities {
  beginSessionRun(input: BeginSessionRunInput): Promise<BeginSessionRunResult>;
  keepSession(input: KeepSessionInput): Promise<Reached>;
  /** @returns whether the run has taken it */
  steerSessionRun(input: SteerSessionRunInput): Promise<boolean>;
  /** @returns whether it has left its queue without having begun; if not, it goes on, and is known to Temporal */
  withdrawSessionRun(input: WithdrawSessionRunInput): Promise<boolean>;
  /** @returns undefined while it goes on */
  findRunEnd(run: string): Promise<RunEnded | undefined>;
  dropMessages(input: DropMessagesInput): Promise<void>;
  wakeSession(input: SessionWakeInput & { id: string }): Promise<SendAnswer>;
}
