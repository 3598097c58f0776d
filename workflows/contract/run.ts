// What a run is started with, what it answers, and what a query of it shows.
import type { ApprovalRule, MadeDecision, PersonRequest } from './approval';
import type { Cost } from './cost';
import type { RunFailure } from './failures';
import type { MessageHead, Usage } from './message';
import type { Priority } from './quota';
import type { ReleaseMove } from './take-release';
import type { ToolTurn } from './tool-call';

/** How a repeat of a tool call could matter to the world. */
export type Effect =
  /** Changes nothing. */
  | 'read'
  /** May be repeated: the second time changes nothing more. */
  | 'idempotent'
  /** Safe to repeat with the same key. */
  | 'keyed'
  /** Must never run twice. */
  | 'at-most-once';

/** What the workflow must know of a tool. Pinned at the start, so that a run never changes its mind. */
export interface ToolPlan extends OwnToolPlan {
  /** Those that hold for a call's arguments must all be satisfied, for it and for what stands in for it. Absent: nobody is asked. */
  approval?: ApprovalRule[];
  /** Tried in this order, with the same arguments, once this one has failed for good. */
  fallback?: { name: string; plan: OwnToolPlan }[];
  /** Of a sub-agent: a call is a run of its own. */
  agent?: SubAgentPin;
}

/** Which release a call of a sub-agent runs, and what it may use beside what that release says: the smaller counts. */
export interface SubAgentPin {
  name: string;
  release: string;
  limits?: Partial<RunLimits>;
}

export interface OwnToolPlan {
  effect: Effect;
  timeoutMs: number;
  attempts: number;
  /** Between attempts. @default DEFAULT_TOOL_BACKOFF */
  backoff?: { firstMs: number; factor: number; mostMs: number };
  /**
   * What the same arguments mean when they are asked for again in one run. `same-action` calls are kept in the run's ledger of effects:
   * claimed before they run where they must never run twice, and told from their record when they are done. Absent where it does not
   * matter, and from releases of before the ledger.
   */
  repeats?: 'same-action' | 'new-action';
  /** An effect that needs no order: it runs beside others. A `read` always does. */
  isIndependent?: true;
  /** How many calls of the tool one run makes at once. No limit when absent. */
  atOnce?: number;
  /** What a call that failed for good leads to. */
  onFailure: 'tell-model' | 'stop' | 'escalate';
  /** Of `escalate`: who is asked what to do, and until when. */
  escalation?: ApprovalRule;
  /** Of a tool that begins work elsewhere: how often it is asked for the outcome, and for how long in all. */
  poll?: { everyMs: number; upToMs: number };
  /**
   * The tool's toolbox, to whose process its calls go: by the task queue of that name beside the run's own. Absent where the tool has none,
   * and from releases of before toolboxes had processes: the run's own worker runs those, as long as a run may be pinned to one.
   */
  toolbox?: string;
  /** Its calls go to a queue of its own beside that of its toolbox, which is asked for no more than the tool's rate. */
  hasRate?: true;
}

/** `last-…` and `no-tool-calls` are of the very end, and said whether or not the approach to it was. */
export type NearLimit =
  | ('turns' | 'last-turn' | 'model-calls' | 'last-call' | 'tool-calls' | 'no-tool-calls')
  | ('tokens' | 'usd' | 'last-usd' | 'wall')
  | ('tenant' | 'last-tenant');

export interface RunLimits {
  turns: number;
  toolCalls: number;
  /** Input and output tokens of all model calls, together. No limit when absent. */
  tokens?: number;
  /** Summaries and those of its sub-agents included; a turn is one at the least. No limit when absent. */
  modelCalls?: number;
  /** Billionths of a dollar: of all requests, those of its sub-agents included. No limit when absent. */
  nanoUsd?: number;
  /** From the start of the run, waits and pauses included. No limit when absent. */
  wallMs?: number;
}

/** Of what all runs of a tenant may use together within a day. */
export interface TenantLeft {
  /** `usd` in billionths of a dollar. */
  of: 'tokens' | 'usd';
  most: number;
  left: number;
}

/** The release's policies as data: what the workflow decides with. */
export interface RunPlan {
  limits: RunLimits;
  model: { timeoutMs: number; attempts: number };
  tools: { [name: string]: ToolPlan };
  /** Unusable answers in a row before the run fails. */
  repairs: number;
  /** Lifts every activity timeout, for a debugger. Development only. */
  inspect?: true;
}

export interface AgentRunInput {
  schemaVersion: 1;
  agent: string;
  /** SHA-256 of the release manifest. */
  release: string;
  tenant: string;
  user?: string;
  session?: string;
  tags: string[];
  /** Absent: normal. */
  priority?: Priority;
  /** The first message, already in the store. */
  input: MessageHead;
  plan: RunPlan;
  /** Set by continue-as-new, and where a run is forked from another: what it goes on with. */
  carried?: CarriedState;
  /** Set where another run has called the agent. */
  parent?: ParentRun;
  /** Id of the workflow that is told of its end: of the queue or the session that has started it. */
  tells?: string;
  /** Id of the workflow that watches it for a caller: it is told of its end, and of what it and its sub-agents ask people. */
  watchedBy?: string;
  /** Another that is told: a run of a session has its place from a queue. */
  alsoTells?: string;
}

/** The call that a run answers. */
export interface ParentRun {
  /** Id of the run that made it. */
  run: string;
  /** Id of the run that was started by a caller: the same, where that one made it. */
  root: string;
  /** The call's key: of the first execution of `run`. */
  firstRunId: string;
  turn: number;
  index: number;
}

export type Outcome = 'completed' | 'failed' | 'escalated' | 'cancelled' | 'budget-exhausted';
export const OUTCOMES: readonly Outcome[] = ['completed', 'failed', 'escalated', 'cancelled', 'budget-exhausted'];

/** A value in the store, with as much of it as a history may show. */
export interface StoredValue {
  hash: string;
  bytes: number;
  preview: string;
}

export interface RunTotals {
  turns: number;
  modelCalls: number;
  toolCalls: number;
  /** Calls whose record was found in the store, so that nothing was called or paid. */
  reusedCalls: number;
  /** Model calls, among the others, that were given the answer to the same question. Absent where there are none. */
  cachedCalls?: number;
  usage: Usage;
  /** What those took when they were asked first: not in `usage`. */
  saved?: Usage;
  /** What `saved` would have cost, of those whose price is known: not in `cost`. */
  savedCost?: Cost;
  /** Of all model calls: those of its sub-agents, summaries and requests that brought no answer too. Absent from runs of before costs were kept. */
  cost?: Cost;
  /** What of `cost` its sub-agents' runs have in their own totals too. */
  subAgentsCost?: Cost;
  /** Set where a part of `usage` and `cost` is estimated: of requests that brought no answer or were stopped, or whose provider did not tell. */
  estimated?: true;
}

/** The result of a run, as history keeps it. The client resolves `output`. */
export interface AgentRunResult {
  schemaVersion: 1;
  outcome: Outcome;
  failure?: RunFailure;
  /** The answer: JSON text of the agent's output, or the text itself where the agent declares none. */
  output?: StoredValue;
  /** Of a run whose budget was exhausted: the last text that its model had said by then. */
  achieved?: StoredValue;
  /** Names the whole conversation. */
  head: string | null;
  /** Messages in the conversation. */
  length: number;
  totals: RunTotals;
}

/** `asking`: it waits for a person, see `requests`. */
export type RunStatus = 'running' | 'waiting' | 'asking' | 'paused' | 'cancelling' | 'ended';

/** One act of a run, for people who watch. Numbered from 1, without gaps, across continue-as-new. */
export interface Step {
  seq: number;
  kind: 'model' | 'tool' | 'wait' | 'pause' | 'resume' | 'note';
  label: string;
  state: 'running' | 'done' | 'failed';
  /** Milliseconds since the epoch, by the workflow's clock. */
  startedAt: number;
  endedAt?: number;
  preview?: string;
  /** Of a call of the model: it has not answered, and is asked again later. `preview` says why. */
  unanswered?: true;
}

/** The answer to the `progress` query. */
export interface RunProgress {
  status: RunStatus;
  /** Why it waits or is paused, in words. */
  reason?: string;
  agent: string;
  release: string;
  turn: number;
  /** The last checkpoint: a stored head. */
  head: string | null;
  length: number;
  totals: RunTotals;
  limits: RunLimits;
  /** Set where agents are among its tools: what theirs ask is in the store, and no query tells it. */
  callsAgents?: true;
  /** What it asks a person, oldest first. Absent where that is nothing. */
  requests?: PersonRequest[];
  /** The newest STEPS_SHOWN steps, oldest first. */
  steps: Step[];
  result?: AgentRunResult;
}

/** The answer to the `transcript` query: the newest MESSAGES_SHOWN messages, oldest first. */
export interface RunTranscript {
  head: string | null;
  length: number;
  messages: (MessageHead & { position: number })[];
}

export interface PauseRequest {
  reason?: string;
}
export interface CancelRequest {
  reason: string;
}

/** Something said to a run on its way: in the store already, or as a text, which then stands in the history. */
export type SteerRequest = { message: string } | { text: string };

/** What a run may use beyond its limits, added to what it was given before. Of a limit that it has. */
export type ExtendRequest = Partial<RunLimits>;

/** What continue-as-new carries: of constant size, whatever the length of the run. */
export interface CarriedState {
  schemaVersion: 1;
  /** When the first execution of the chain started, in milliseconds since the epoch. */
  startedAt: number;
  turn: number;
  head: string | null;
  length: number;
  /** Hashes of messages that are stored but not yet linked into the chain. */
  append: MessageHead[];
  badAnswersInARow: number;
  totals: RunTotals;
  steps: Step[];
  lastSeq: number;
  messages: (MessageHead & { position: number })[];
  paused?: { reason: string };
  /** Set where the model was being waited for: the turn has begun, and its model is asked again. */
  asking?: { compacted: boolean; waitingSince?: number };
  /** Set where tools were being waited for: their turn's calls, which go on first. */
  calling?: ToolTurn;
  requests?: KeptRequests;
  /** What a person has said and the model has not been asked with. */
  steered?: MessageHead[];
  /** Added to the limits of the release. */
  extended?: Partial<RunLimits>;
  /** What of its limits the model was told, see `LimitNotice`. */
  warned?: NearLimit[];
  /** What the newest answer took: the next may take as much. */
  lastTurn?: { tokens: number; toolCalls: number; nanoUsd?: number };
  /** Of its release to another: asked for, or not recorded yet. */
  move?: ReleaseMove;
  /** As the newest answer told it. Absent where its tenant has no budget. */
  tenantLeft?: TenantLeft[];
}

/** What a run has asked people, of the turn that is under way, and what they said that holds beyond it. */
export interface KeptRequests {
  /** Number of the newest. */
  last: number;
  /** Of calls that have not come to an end, whether or not they are decided. */
  open: OpenRequest[];
  /** Decisions with `remember`. */
  remembered: MadeDecision[];
}
export interface OpenRequest extends PersonRequest {
  decision?: MadeDecision;
  /** Reminders and steps of the escalation that people were told of; absent until they were told of the request itself. */
  told?: { reminders: number; escalations: number; decided?: true };
}
