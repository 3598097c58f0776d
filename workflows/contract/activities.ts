// The activities that a run calls, as the workflow declares them. activities/ implements them.
import type { MadeDecision, PersonRequest } from './approval';
import type { Cost, SpentDetails } from './cost';
import type { FailureType, RunFailure } from './failures';
import type { MessageHead, Usage } from './message';
import type { Priority } from './quota';
import type {
  AgentRunResult,
  ParentRun,
  RunLimits,
  RunPlan,
  RunTotals,
  SteerRequest,
  StoredValue,
  TenantLeft,
} from './run';
import type { TakeReleaseActivities } from './take-release';
import type { CallToolResult, ToolCallHead, ToolWait } from './tool-call';

/**
 * Names one call of a run for ever, so that its record is found again after a crash, a retry or a reset. `run` is the first
 * execution's run id: run ids and uuid4 do not survive a reset, that one does.
 */
export interface CallKey {
  run: string;
  /** 0 for a run that was not forked from another. */
  fork: number;
  turn: number;
  /** 0 is the model call of the turn; its tool calls follow from 1. */
  index: number;
}

export interface CallContext {
  key: CallKey;
  agent: string;
  release: string;
  tenant: string;
  user?: string;
  session?: string;
  /** Of the run. Absent: normal. */
  priority?: Priority;
  /** Since when the call waits for its quota, where it was told to come back: milliseconds since the epoch, by the workflow's clock. */
  waitingSince?: number;
}

export interface CallModelInput extends CallContext {
  /** A stored head, or null at the start. */
  base: string | null;
  /** Hashes of stored messages to link after `base`, in order, before the call. */
  append: string[];
  /** Set once the conversation was compacted in this turn: what is still too long then fails. */
  compacted?: true;
  /** What the runtime tells the model before it answers: that a limit of the run is near. In words, without content. */
  notice?: string;
  /** Billionths of a dollar that its requests may cost. Absent where money is not limited. */
  nanoUsdLeft?: number;
}

/** Why an answer cannot be used as it is. The activity has already written what to tell the model. */
export type AnswerProblem = Extract<
  FailureType,
  'Model.Refused' | 'Model.EmptyAnswer' | 'Model.Truncated' | 'Model.InvalidOutput' | 'Model.InvalidToolCall'
>;

export interface ModelAnswer {
  kind: 'answer';
  /** The head after `base`, `append`, `notices` and `messages`: stored. */
  head: string;
  /** What the runtime told the model before it answered: linked after `append`, and before `messages`. */
  notices?: MessageHead[];
  /** The answer, then, where there is a problem, what the runtime replies to it. */
  messages: MessageHead[];
  toolCalls: ToolCallHead[];
  problem?: RunFailure & { type: AnswerProblem };
  /** Set on a final answer. */
  output?: StoredValue;
  usage: Usage;
  /** Of that usage. Absent from older records, and where prices are not asked for. */
  cost?: Cost;
  /** What requests before it took that brought no answer. */
  unanswered?: SpentDetails;
  /** Provider and model that answered, as `provider/model`. */
  model: string;
  /** Set when stale tool results gave way to placeholders before the call: `head` is of the edited conversation. */
  pruned?: { results: number; tokens: number };
  /** Set where another call had been answered the same question, and its answer was given: nothing was called, and `usage` is none. */
  cached?: true;
  /** What that other call took. */
  saved?: Usage;
  /** What that would cost. Absent where nobody knows, and from older records. */
  savedCost?: Cost;
  /** Set where it was asked in one call with others: how many tasks that had. `alone`: its answer there was no use, and it was asked again by itself. */
  batched?: { of: number; alone?: true };
  /** Of the budget of its tenant, after the call. Absent where it has none, and where nothing was called. */
  tenantLeft?: TenantLeft[];
  /** True when the call's record was found, and nothing was called. */
  reused?: true;
}

/** The conversation must become shorter before the model can be asked. Nothing was called. */
export interface ContextFull {
  kind: 'compact';
  /** In words, without content. */
  reason: string;
  /** The provider refused the request as too long, so that triggers need not be asked again. */
  refused?: true;
  unanswered?: SpentDetails;
}

/** The provider asks for patience beyond what an activity may sit out: the workflow sleeps and calls again. */
export interface ModelWait {
  kind: 'wait';
  /** Milliseconds since the epoch. */
  waitUntil: number;
  reason: string;
  unanswered?: SpentDetails;
}
export type CallModelResult = ModelAnswer | ModelWait | ContextFull;

export interface CompactContextInput extends CallContext {
  base: string | null;
  append: string[];
  /** As `ContextFull` says. */
  refused?: true;
  /** As the model call is going to be told: it must fit too. */
  notice?: string;
  /** Billionths of a dollar that its requests may cost. Absent where money is not limited. */
  nanoUsdLeft?: number;
}

/** A summary now stands for a range of the conversation; `base` and `append` are linked, so nothing is left to append. */
export interface CompactedContext {
  kind: 'compacted';
  /** Of the shortened conversation: stored. */
  head: string;
  /** The summary. */
  message: MessageHead;
  /** Original messages it stands for. */
  covered: number;
  /** Of the calls that made it. */
  usage: Usage;
  cost?: Cost;
  unanswered?: SpentDetails;
  /** As `provider/model`. */
  model: string;
  reused?: true;
}
export type CompactContextResult = CompactedContext | ModelWait;

export interface CallToolInput extends CallContext {
  name: string;
  /** Hash of the assistant message that asks for the call. */
  message: string;
  /** Which of its calls, from 0. */
  call: number;
  /** Hash of the run's first message, whose data the tool may read. */
  input: string;
  /** A stored head that holds the asking message. Set for `recall` alone, which reads the conversation. */
  head?: string;
  /** The tool's own time. Absent where nothing but the activity's time-out bounds it: for a debugger, and in older histories. */
  timeoutMs?: number;
  /** Set where the tool has begun work that it is asked for again. */
  poll?: true;
  /** Name of the tool that the model asked for, where `name` stands in for it. */
  insteadOf?: string;
  /** Those of the call that were tried before this one, and how each failed. Set with `insteadOf`; absent from older histories. */
  failedBefore?: FailedTool[];
  /** The decision that allows it, where a person must agree. */
  approval?: MadeDecision;
  /** A person says that an attempt whose outcome is unknown has not acted: it may act. */
  notDone?: MadeDecision;
  /** A person wants it tried again: what it had begun before then does not count any more. Milliseconds since the epoch. */
  afresh?: number;
  /** Another tool is tried if this one fails for good: then the model is told nothing yet. */
  hasFallback?: true;
}

export interface FailedTool {
  name: string;
  type: FailureType;
}

/** Says to the model, in a stored message, that a call did not succeed after its retries were spent. */
export interface TellToolFailureInput extends CallContext {
  name: string;
  /** Hash of the assistant message that asks for the call. Absent from older histories. */
  message?: string;
  call: number;
  failure: RunFailure;
}

/** That a person is asked, reminded, or that it is decided: kept for the inbox, and sent on where the configuration says so. */
export interface TellPeopleInput extends CallContext {
  about: 'asked' | 'reminder' | 'escalated' | 'decided';
  request: PersonRequest;
  decision?: MadeDecision;
}

/** A person gives the result of a call that has failed for good. */
export interface TakeResultInput extends CallContext {
  name: string;
  message: string;
  call: number;
  decision: MadeDecision;
  /** That the call was made with. */
  approval?: MadeDecision;
}

/** A call of a sub-agent, before its run: arguments are checked, and what the run begins with is stored. */
export interface BeginSubRunInput extends CallContext {
  name: string;
  message: string;
  call: number;
  /** The decision that allows it, where a person must agree. */
  approval?: MadeDecision;
  tags: string[];
  /** Id of the run that a caller has started, where that is not the one that makes the call. */
  root?: string;
}

/** What the workflow starts the run with. */
export interface SubRun {
  kind: 'begun';
  /** Of the run, derived from the call: whoever asks again finds the same. */
  id: string;
  agent: string;
  release: string;
  parent: ParentRun;
  input: MessageHead;
  question: string;
  plan: RunPlan;
  /** It has ended in an execution of before: there is nothing to start. */
  ended?: true;
}
/** The call is answered already, by runs that have used what is told of them; or its arguments do not fit and the model is told. */
export type BeginSubRunResult = SubRun | { kind: 'answered'; result: CallToolResult; used?: RunTotals[] };

/** What came of a sub-agent's run, as the answer to the call. */
export interface TakeSubRunInput extends Omit<BeginSubRunInput, 'tags' | 'root'> {
  /** Id of the run. */
  run: string;
  /** Of one that ended without recording it, as Temporal tells its end. One that was never started has no first run, and answers nothing. */
  end?: { firstRunId?: string; failure: RunFailure };
}
export type TakeSubRunResult =
  /** Its answer, or that it has none, as the model is told. */
  | { kind: 'result'; result: CallToolResult; totals: RunTotals }
  /** It has none, and what that leads to is not for the model to say. */
  | { kind: 'failed'; failure: RunFailure; totals: RunTotals }
  /** It goes on. */
  | { kind: 'open' };

/** What a person says to the run on its way: stored, and named by a ref of the run's until the conversation names it. */
export interface TakeMessageInput extends CallContext {
  said: SteerRequest;
}

export interface EndRunInput extends CallContext {
  base: string | null;
  append: string[];
  /** Hash of the run's first message. With `startedAt`, absent from runs whose history is older than they are. */
  input?: string;
  /** Milliseconds since the epoch, of the first execution. */
  startedAt?: number;
  /** Whether it has ever asked a person. Absent from older histories, where it is not known. */
  asked?: boolean;
  /** With what was added on the way. Absent from older histories. */
  limits?: RunLimits;
  result: Omit<AgentRunResult, 'head'>;
}
export interface EndRunResult {
  head: string | null;
  /** Of a run whose budget was exhausted: the last text of its model. */
  achieved?: StoredValue;
}

export interface AgentActivities extends TakeReleaseActivities {
  callModel(input: CallModelInput): Promise<CallModelResult>;
  compactContext(input: CompactContextInput): Promise<CompactContextResult>;
  callTool(input: CallToolInput): Promise<CallToolResult | ToolWait>;
  tellToolFailure(input: TellToolFailureInput): Promise<CallToolResult>;
  tellPeople(input: TellPeopleInput): Promise<void>;
  takeResult(input: TakeResultInput): Promise<CallToolResult>;
  beginSubRun(input: BeginSubRunInput): Promise<BeginSubRunResult>;
  takeSubRun(input: TakeSubRunInput): Promise<TakeSubRunResult>;
  takeMessage(input: TakeMessageInput): Promise<MessageHead>;
  endRun(input: EndRunInput): Promise<EndRunResult>;
}
