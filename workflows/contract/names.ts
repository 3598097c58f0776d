// Every name that ends up in a history, a visibility index or a client. They live as long as the oldest retained run, so a
// name is added, never changed, and none carries the product's name. test/contract/frozen-names.test.ts holds them still.

/** Task queue of the workflows and their model calls, unless the configuration names another. */
export const DEFAULT_TASK_QUEUE = 'agents';

/**
 * Task queue of a toolbox's process, beside that of the runs that use it. A toolbox has no `/` in its name, so the last one parts the two.
 */
export const toolboxQueue = (taskQueue: string, toolbox: string): string => `${taskQueue}/${toolbox}`;

/** Task queue of a tool that has a rate of its own: Temporal's server keeps a rate by the queue. A toolbox has no `:` in its name either. */
export const toolQueue = (taskQueue: string, toolbox: string, tool: string): string =>
  `${toolboxQueue(taskQueue, toolbox)}:${tool}`;

/** Task queue of the workflows that serve all runs, beside that of the runs: no run keeps them waiting. */
export const controlQueue = (taskQueue: string): string => `${taskQueue}.control`;

/** Task queue of what callers are told: a receiver that does not answer keeps nothing else waiting. */
export const webhookQueue = (taskQueue: string): string => `${controlQueue(taskQueue)}.webhooks`;

/** Id of the workflow that watches a run for a caller. @param watch see WebhookInput */
export const webhookWorkflowId = (watch: string): string => `webhook:${watch}`;

/** Id of the workflow that keeps the quota of a model and key, for the workers of one task queue. @param key names the key, and is none */
export const quotaId = (taskQueue: string, route: string, key: string): string => `quota/${taskQueue}/${route}/${key}`;

/** Id of the workflow that keeps the budget of a tenant, for the workers of one task queue. */
export const budgetId = (taskQueue: string, tenant: string): string => `budget/${taskQueue}/${tenant}`;

/** Id of the workflow that keeps one shard of a queue, for the runs of one task queue. */
export const queueId = (taskQueue: string, queue: string, shard: number): string =>
  `${queueIdPrefix(taskQueue)}${queue}/${shard}`;
export const queueIdPrefix = (taskQueue: string): string => `queue/${taskQueue}/`;
/** Id of the workflow that rolls a release of an agent out: one at a time. */
export const rolloutWorkflowId = (taskQueue: string, agent: string): string => `rollout/${taskQueue}/${agent}`;

/** Id of the workflow of a session. No id of a session has a `/` in it, and every id of a run of one has. */
export const sessionWorkflowId = (session: string): string => `session:${session}`;

/** Id of the run that answers a message of a session. @param message the caller's id of it */
export const sessionRunId = (session: string, message: string): string => `${session}/${message}`;

/** Beginning of the ids of shadows, and of the runs of their sub-agents: under one of these nothing is done to the world. */
export const SHADOW_PREFIX = 'shadow/';
export const isShadowId = (run: string): boolean => run.startsWith(SHADOW_PREFIX);

/** @param run whose shadow it is @param release hash of the one that it runs */
export const shadowRunId = (run: string, release: string): string => `${SHADOW_PREFIX}${run}/${release.slice(0, 12)}`;

/** @returns whose shadow it is; the id itself where it is of none, or of a sub-agent of one */
export const shadowedRun = (id: string): string => /^shadow\/(.+)\/[^/]+$/.exec(id)?.[1] ?? id;

export const WORKFLOW_TYPES = {
  agentRun: 'agentRun',
  quota: 'quota',
  runQueue: 'runQueue',
  agentSession: 'agentSession',
  /** Of a Temporal Schedule: it sends a session a message. */
  sessionWake: 'sessionWake',
  /** It watches a run for a caller who is told. */
  callerWebhook: 'callerWebhook',
  /** Of a Temporal Schedule: it compares what agents do with what they did. */
  agentWatch: 'agentWatch',
  /** It gives a release to new runs step by step. */
  agentRollout: 'agentRollout',
} as const;

export const SIGNAL_NAMES = {
  pause: 'pause',
  resume: 'resume',
  /** From the run that has called it as a sub-agent: with a reason, before Temporal's own cancel. */
  parentCancelled: 'parentCancelled',
  /** To a queue or a session, from a run of its. */
  runEnded: 'runEnded',
  /** To whoever watches a run: it asks people. */
  runAsks: 'runAsks',
  /** Of a session. */
  retire: 'retire',
  /** These four of a rollout. */
  pauseRollout: 'pauseRollout',
  resumeRollout: 'resumeRollout',
  promoteRollout: 'promoteRollout',
  abortRollout: 'abortRollout',
} as const;

export const UPDATE_NAMES = {
  cancel: 'cancel',
  approve: 'approve',
  deny: 'deny',
  replace: 'replace',
  steer: 'steer',
  extend: 'extend',
  takeRelease: 'takeRelease',
  /** Of a quota. */
  lease: 'lease',
  /** Of a queue. */
  enqueue: 'enqueue',
  withdraw: 'withdraw',
  /** Of a session: a message. */
  send: 'send',
} as const;

export const QUERY_NAMES = {
  progress: 'progress',
  transcript: 'transcript',
  pendingApprovals: 'pendingApprovals',
  quota: 'quota',
  /** Of a quota: all that it knows, for the one after it. */
  ledger: 'ledger',
  queue: 'queue',
  /** Of a queue: where one of its runs stands. */
  position: 'position',
  /** Of a queue: all that it knows, for the one after it. */
  waiting: 'waiting',
  session: 'session',
  rollout: 'rollout',
} as const;

export const ACTIVITY_NAMES = {
  callModel: 'callModel',
  compactContext: 'compactContext',
  callTool: 'callTool',
  tellToolFailure: 'tellToolFailure',
  endRun: 'endRun',
  tellPeople: 'tellPeople',
  takeResult: 'takeResult',
  beginSubRun: 'beginSubRun',
  takeSubRun: 'takeSubRun',
  takeMessage: 'takeMessage',
  takeRelease: 'takeRelease',
  startRuns: 'startRuns',
  reconcileRuns: 'reconcileRuns',
  endWaiting: 'endWaiting',
  beginSessionRun: 'beginSessionRun',
  keepSession: 'keepSession',
  steerSessionRun: 'steerSessionRun',
  findRunEnd: 'findRunEnd',
  dropMessages: 'dropMessages',
  wakeSession: 'wakeSession',
  lookAtRun: 'lookAtRun',
  deliverWebhook: 'deliverWebhook',
  watchAgents: 'watchAgents',
  setRolloutShare: 'setRolloutShare',
  judgeRollout: 'judgeRollout',
  endRollout: 'endRollout',
  keepRollout: 'keepRollout',
} as const;

/** The built-in tool that reads earlier messages again, offered once some were left out. */
export const RECALL_TOOL = 'recall';

/** Temporal allows 10 Keyword attributes and 3 of each other type a namespace: seven and one are spent here. */
export const SEARCH_ATTRIBUTES = {
  AgentName: 'Keyword',
  AgentRelease: 'Keyword',
  TenantId: 'Keyword',
  UserId: 'Keyword',
  SessionId: 'Keyword',
  RunOutcome: 'Keyword',
  FailureType: 'Keyword',
  RunTags: 'KeywordList',
} as const;
export type SearchAttributeName = keyof typeof SEARCH_ATTRIBUTES;

/** Memo keys: shown by the Web UI and the CLI without any worker running. */
export const MEMO_KEYS = {
  question: 'question',
  answer: 'answer',
  usage: 'usage',
} as const;
