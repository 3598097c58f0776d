// What the activities of the control worker are made from: those that begin runs and look after them, for queues and sessions.
import type { RunFailure } from '../../workflows/contract/failures';
import type {
  EnqueueAnswer,
  FoundQueue,
  QueueItem,
  WithdrawAnswer,
  WithdrawRequest,
} from '../../workflows/contract/queue';
import type { QueueLoad } from '../../workflows/contract/queue-activities';
import type { AgentRunInput, Outcome } from '../../workflows/contract/run';
import type { SendAnswer, SendRequest, SessionInput, SteerSessionRunInput } from '../../workflows/contract/session';
import type { RunEnded } from '../../workflows/contract/run-ended';
import type { Conversation } from '../store/conversation';
import type { Tracing } from '../tracing/port';
import type { FindingDeps } from '../watch/keep-finding';
import type { WatchSettings } from '../watch/watch-settings';
import type { WithdrawDeps } from '../withdraw-requests';

export interface RunStart {
  /** Of the run, and of its workflow. */
  id: string;
  /** What people read of it. */
  question: string;
  input: AgentRunInput;
}

/** How an execution has ended, as Temporal tells it. */
export interface ToldEnd {
  at: number;
  outcome: Outcome;
  failure: RunFailure;
  firstRunId: string;
}

/** Runs and sessions, as Temporal has them. */
export interface Executions {
  /** Started twice it is one. @returns the id of its first execution, where this has begun it @throws ApplicationFailure `Run.Unstartable` */
  start(run: RunStart): Promise<string | undefined>;
  /**
   * @returns `open` while it goes on, `unknown` where Temporal has none, `completed` where its answer is in its record, or is going to be
   */
  endOf(run: string): Promise<ToldEnd | 'open' | 'unknown' | 'completed'>;
  /** Says something that is stored to a run under way. Asked again with the same id it is said once. @returns whether it takes it */
  steer(said: Pick<SteerSessionRunInput, 'run' | 'message' | 'id'>): Promise<boolean>;
  /** Asks a queue for a place for a recorded run. Asked twice it answers alike. */
  enqueue(queue: FoundQueue, item: QueueItem): Promise<EnqueueAnswer>;
  /** Takes a run out of a queue's line. @param queue id of its workflow */
  withdraw(queue: string, request: WithdrawRequest): Promise<WithdrawAnswer>;
  /** Tells whoever waits for it of a run's end. One that is not there any more need not know. @param workflow its id */
  tell(workflow: string, ended: RunEnded): Promise<void>;
  /** @throws ApplicationFailure `Session.*` where it is refused */
  send(session: SessionInput, request: SendRequest): Promise<SendAnswer>;
}

export interface QueueChange {
  /** Runs that have begun as they are, and with less. */
  begun?: number;
  degraded?: number;
  /** Types of failure of those that left without having begun. */
  left?: string[];
}

/** Its store is one that keeps an ended run's entry. */
export interface ControlDeps extends WithdrawDeps {
  conversation: Conversation;
  executions: Executions;
  /** Of the runs: their queues' settings are published under it. */
  taskQueue: string;
  /** Absent where nobody counts. */
  queueSeen?(load: QueueLoad, change?: QueueChange): void;
  /** Takes the spans of runs that could not record their end. Absent where nobody traces. */
  tracing?: Tracing;
  /** Absent where agents are not watched from here. */
  watch?: WatchSettings;
  anomalyFound?: NonNullable<FindingDeps['anomalyFound']>;
  findingTold?: NonNullable<FindingDeps['findingTold']>;
}
