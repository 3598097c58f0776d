// What activities are made from: small ports, built by workers/ and by the test kit, never reached for.
import type { Approvers } from './approvals/require-approval';
import type { CircuitBreaker } from './circuit-breaker';
import type { AnyAgent } from './define/agent';
import type { AllowPrivate } from './http/addresses';
import type { TellPeopleInput } from '../workflows/contract/activities';
import type { MadeDecision, PersonRequest } from '../workflows/contract/approval';
import type { Usage } from '../workflows/contract/message';
import type { ReleaseManifest } from '../workflows/contract/release';
import type { RunTotals } from '../workflows/contract/run';
import type { AnswerCache } from './gateway/cache/answer-cache';
import type { Prices } from './gateway/money/prices';
import type { ToldSpending } from './gateway/money/spending';
import type { Quota, Routing } from './gateway/ports';
import type { ModelProvider } from './model/provider';
import type { TextPublisher } from './stream/port';
import type { CallLine, SeenModelCall, Tracing } from './tracing/port';
import type { Conversation } from './store/conversation';
import type { ContentStore } from './store/port';
import type { ToolStore } from './store/tool-store';
import type { OddRun } from './watch/keep-finding';
import type { WhichRun } from './watch/many-tokens';

/** An agent whose code this worker has, with the manifest that its runs are pinned to. */
export interface LoadedAgent {
  agent: AnyAgent;
  manifest: ReleaseManifest;
  /** SHA-256 of the manifest. */
  release: string;
}

export interface AgentRegistry {
  /** The release asked for, or in development today's code of the agent where that release is not loaded any more. */
  resolve(agent: string, release: string): LoadedAgent | undefined;
  /** Where it resolves none: the release of the agent whose code it has, and runs no other with. Absent where it is never strict. */
  other?(agent: string): string | undefined;
}

export interface ProviderRegistry {
  /** @throws ApplicationFailure `Model.NotFound`, listing what is configured */
  resolve(route: string): { provider: ModelProvider; model: string };
}

/** Places where a drill may stop a worker, exactly. */
export type Failpoint =
  | 'model.before'
  | 'model.during'
  | 'model.answered'
  | 'tool.before'
  | 'tool.during'
  | 'tool.after'
  | 'store.before-put'
  | 'store.after-put';

/** Of whom something is counted. */
export interface OfRelease {
  agent: string;
  /** SHA-256 of the release manifest. */
  release: string;
}

export interface CountedRun extends OfRelease {
  id: string;
  tenant: string;
  outcome: string;
  /** The failure's type, or `none`. */
  failure: string;
  /** From its start to its end. */
  seconds: number;
  /** That it waited in a queue before it began. Absent where it has no queue. */
  queuedSeconds?: number;
  totals: RunTotals;
}

export interface ActivityMetrics {
  modelCall(call: OfRelease & { model: string; outcome: string; seconds: number }): void;
  /** One request, answered or not; `nanoUsd` is 0 where nobody knows the price. */
  modelSpent(request: OfRelease & { model: string; usage: Usage; nanoUsd: number }): void;
  toolCall(call: OfRelease & { tool: string; outcome: string; seconds: number }): void;
  /** Once for each run, however often its end is written. */
  runEnded(run: CountedRun): void;
  reused(kind: 'model' | 'tool'): void;
  /** A worker begins an attempt of a step. `seconds`: since Temporal has had it for a worker; absent where that is not known. */
  stepBegun(step: OfRelease & { kind: 'model' | 'tool'; attempt: number; seconds?: number }): void;
  /** An attempt of an activity that failed, by the failure's type, whether or not it is made again. */
  attemptFailed(attempt: OfRelease & { activity: string; failure: string }): void;
  /** A request was let through. `seconds`: since it was to be sent first. */
  quotaWaited(request: OfRelease & { model: string; seconds: number }): void;
  /** The model was told that it goes round in circles, or was stopped for it. */
  loopFound(loop: OfRelease & { kind: string; then: 'warn' | 'stop' }): void;
  /** What a run asked a person is decided. */
  requestDecided(request: OfRelease & { verdict: string; seconds: number }): void;
  /** A model call that was given another's answer. */
  cached(call: OfRelease & { model: string }): void;
  /** Another of the route is asked. `reason`: a failure's type, or `cooling`. */
  failedOver(change: { from: string; to: string; reason: string }): void;
  /** Whether others are asked instead of this one. */
  routeTurned(route: string, isCooling: boolean): void;
  /** Tasks of one call of an agent that batches. */
  batchSent(agent: string, tasks: number): void;
  /** A task of such a call was asked again by itself. */
  askedAlone(agent: string, reason: string): void;
}

export interface ActivityDeps {
  store: ContentStore;
  conversation: Conversation;
  /** The narrow view that tool calls get: through a broker where tools run in a process of their own. */
  toolStore: ToolStore;
  agents: AgentRegistry;
  providers: ProviderRegistry;
  /** Who may send a request to a provider, and when. */
  quota: Quota;
  /** As `quota`, without the budgets of tenants: a shadow has a budget of its own. @default nothing is limited */
  quotaOfShadows?: Quota;
  /** Which provider of a route is asked. */
  routing: Routing;
  /** Of all tenants, whose questions have names of their own. Absent in tests of an agent: each of its questions is asked. */
  cache?: AnswerCache;
  /** What a request costs. */
  prices: Prices;
  /** Shows answers while they come. Absent where nobody can watch. */
  texts?: TextPublisher;
  /** Secrets of one toolbox, by name; a missing one is an error that names it. */
  secretsOf(toolbox: { name: string; secrets: readonly string[] }): { [name: string]: string };
  /** Who may decide what runs ask people. */
  approvers: Approvers;
  /** Sends on that a person is asked. Absent where nobody wants to be told. */
  tellPeople?(event: PeopleEvent): Promise<void>;
  /** Keeps, for people, that a run is unlike the others: it goes round in circles. Absent where nobody watches. */
  oddRunFound?(odd: OddRun): Promise<void>;
  /** Told what each model call of a run took. No call waits for it. Absent where nobody watches. */
  tokensTaken?(which: WhichRun, tokens: number): Promise<void>;
  /** Absolute. */
  stateDir: string;
  /** Identity of this worker, for call records. */
  worker: string;
  /** Milliseconds since the epoch. */
  now(): number;
  metrics: ActivityMetrics;
  /** Takes the spans of what is done. Absent where nobody traces. */
  tracing?: Tracing;
  /** Writes down that an attempt has ended. Absent in tests of an agent. */
  log?(line: CallLine): void;
  /** Resolves at once outside drills. */
  failpoint(name: Failpoint): Promise<void>;
}

/** What callers are told is signed with, and where it may go. */
export interface WebhookSending {
  /** @param key name of the API key that asked for it @throws Error that says which secret is missing, and no secret */
  secretsOf(key: string | undefined): readonly Uint8Array[];
  allowPrivate: AllowPrivate;
}

/** What another system is told of what a run asks people. */
export interface PeopleEvent {
  /** `withdrawn`: its run has ended, and nobody need answer any more. */
  about: TellPeopleInput['about'] | 'withdrawn';
  /** Id of the run. */
  run: string;
  agent: string;
  tenant: string;
  request: PersonRequest;
  decision?: MadeDecision;
  /** Whose signature fits, of a decision. */
  by?: string;
}

/**
 * What a tool call is made from. The process of a toolbox has no more than this: no store, no providers, and no conversation, which the
 * built-in `recall` reads.
 */
export type ToolCallDeps = Omit<
  ActivityDeps,
  | ('store' | 'conversation' | 'providers' | 'quota' | 'quotaOfShadows' | 'routing' | 'cache' | 'prices' | 'texts')
  | 'tellPeople'
  | ('tracing' | 'log' | 'oddRunFound' | 'tokensTaken')
> & {
  conversation?: Conversation;
  /** Name of the toolbox whose process this is. */
  toolbox?: string;
  /** Of that toolbox, for as long as its process lives. */
  breaker?: CircuitBreaker;
};

/** What Temporal knows of one attempt, apart from its arguments: so that activities run in a test without a worker. */
export interface Attempt {
  /** From 1. */
  number: number;
  workflowId: string;
  runId: string;
  /** Temporal's number of the activity in its execution. Absent in tests of an agent. */
  activityId?: string;
  /** Of its span, for what the call calls. Absent where nobody traces. */
  traceparent?: string;
  /** Told of what its answer does not say, for its span. Absent where nobody traces. */
  saw?(more: SeenModelCall): void;
  /** When this attempt was scheduled, by the clock of Temporal's server: milliseconds since the epoch. */
  scheduledAt?: number;
  /** How long Temporal lets it take. */
  timeoutMs?: number;
  /** Of a shadow's tool call that its run's record does not answer: its name there, and whether what only reads may really run. */
  shadow?: { same: string; mayRead?: true };
  /** Aborted when the run is cancelled or the worker shuts down. */
  signal: AbortSignal;
  /** What an attempt before this one has told, see `withSpending`. */
  told?: unknown;
  /** Kept for the next attempt, or for the workflow where there is none. */
  tell?(details: ToldSpending): void;
}
