// The closed set of failure types. A type is matched by its string on the far side of the wire, and says what may happen next.

/** What a failure of a type leads to, once its retries are spent. */
export type Consequence =
  /** The run ends, with this type. */
  | 'fail'
  /** The model reads about it and goes on. */
  | 'tell-model'
  /** The run waits, paused, for a person to mend the cause and resume it: nothing is lost. */
  | 'pause'
  /** The run waits and tries again by itself, for as long as it takes: what is away comes back without anybody's doing. */
  | 'wait';

interface FailureRule {
  /** Whether Temporal may run the activity again. */
  retry: boolean;
  then: Consequence;
}

const rule = (retry: boolean, then: Consequence): FailureRule => ({ retry, then });

export const FAILURES = {
  'Model.RateLimited': rule(true, 'fail'),
  'Model.Overloaded': rule(true, 'fail'),
  'Model.Unavailable': rule(true, 'fail'),
  'Model.Timeout': rule(true, 'fail'),
  /** The provider answered with something that is not its own protocol: cut, empty or malformed. */
  'Model.InvalidResponse': rule(true, 'fail'),
  'Model.Authentication': rule(false, 'fail'),
  'Model.NotFound': rule(false, 'fail'),
  'Model.BadRequest': rule(false, 'fail'),
  'Model.ContextTooLong': rule(false, 'fail'),
  'Model.QuotaExhausted': rule(false, 'fail'),
  /** It would have waited longer for its quota than that has patience for. */
  'Model.QuotaShed': rule(false, 'fail'),
  /** It needs more than its quota ever has. */
  'Model.QuotaTooSmall': rule(false, 'fail'),
  /** The run may spend a sum of money, and nobody knows what a request to this model costs. */
  'Model.PriceUnknown': rule(false, 'fail'),
  'Model.ContentFiltered': rule(false, 'fail'),
  /** These five are answers, not errors: they end a run after a bounded number of repair turns. */
  'Model.Refused': rule(false, 'fail'),
  'Model.EmptyAnswer': rule(false, 'fail'),
  'Model.Truncated': rule(false, 'fail'),
  'Model.InvalidOutput': rule(false, 'fail'),
  'Model.InvalidToolCall': rule(false, 'fail'),
  'Tool.Failed': rule(true, 'tell-model'),
  'Tool.Rejected': rule(false, 'tell-model'),
  'Tool.Timeout': rule(true, 'tell-model'),
  /** Its toolbox leaves the outside alone for a while, because it kept failing: nothing was called. */
  'Tool.CircuitOpen': rule(true, 'tell-model'),
  'Tool.Unknown': rule(false, 'tell-model'),
  /** The run's release does not give it this tool in this toolbox. */
  'Tool.NotGranted': rule(false, 'tell-model'),
  'Tool.InvalidArguments': rule(false, 'tell-model'),
  'Tool.InvalidOutput': rule(false, 'tell-model'),
  /** It describes itself otherwise than when the release was made: what the model was told of it does not hold any more. */
  'Tool.Changed': rule(false, 'tell-model'),
  /** Whether the effect happened is not known: said so, never rerun silently. */
  'Tool.OutcomeUnknown': rule(false, 'tell-model'),
  /** The run is a shadow: what the tool would do, or tell, is not known from the run that it shadows, and nothing was called. */
  'Tool.NotExecuted': rule(false, 'tell-model'),
  /** The run of a sub-agent ended without an answer: how, its message says. */
  'Tool.AgentFailed': rule(false, 'tell-model'),
  /** A person said no, or nobody answered and that means no. */
  'Tool.Denied': rule(false, 'tell-model'),
  /** The decision that the call came with does not allow it: a person is asked again. */
  'Tool.NotApproved': rule(false, 'tell-model'),
  /** A person was asked, and nobody answered in time: the run ends as escalated. */
  'Escalation.Unanswered': rule(false, 'fail'),
  'Budget.TurnsExhausted': rule(false, 'fail'),
  'Budget.ToolCallsExhausted': rule(false, 'fail'),
  'Budget.TokensExhausted': rule(false, 'fail'),
  'Budget.ModelCallsExhausted': rule(false, 'fail'),
  'Budget.MoneyExhausted': rule(false, 'fail'),
  /** All runs of its tenant together have used what they may within a day. */
  'Budget.TenantExhausted': rule(false, 'fail'),
  'Budget.WallTimeExhausted': rule(false, 'fail'),
  /** These three are found in the conversation, after a warning that changed nothing. */
  'Loop.RepeatedCall': rule(false, 'fail'),
  'Loop.Cycle': rule(false, 'fail'),
  'Loop.NoProgress': rule(false, 'fail'),
  'Store.Unavailable': rule(true, 'wait'),
  'Store.ObjectMissing': rule(false, 'pause'),
  'Store.ObjectCorrupt': rule(false, 'pause'),
  /** What is stored was sealed with a key that this worker was not given. */
  'Store.KeyMissing': rule(false, 'pause'),
  /** The worker runs no release with the code of another: one that has its code makes the call. */
  'Release.CodeElsewhere': rule(true, 'wait'),
  /** The worker has no such agent loaded. */
  'Release.NotLoaded': rule(false, 'pause'),
  /** The worker that ran the activity is gone; another takes it over. */
  'Worker.Lost': rule(true, 'pause'),
  /** An error that nobody foresaw, in our own code: the run waits for a mended worker instead of dying. */
  'Runtime.Unexpected': rule(true, 'pause'),
  /** As many runs wait as the queue has room for: it was not taken. */
  'Queue.Full': rule(false, 'fail'),
  /** It has waited for as long as a run of its queue may, and has not begun. */
  'Queue.Expired': rule(false, 'fail'),
  'Run.Cancelled': rule(false, 'fail'),
  /** Temporal takes no such run, whoever asks and however often: it was never begun. */
  'Run.Unstartable': rule(false, 'fail'),
  /** What a person said to a run could not be taken: it goes on without it, and they are told. */
  'Run.NotHeard': rule(false, 'fail'),
  /** These six are of a message to a session, which does not take it. `Busy` and `MailboxFull` are of the moment. */
  'Session.Busy': rule(false, 'fail'),
  'Session.MailboxFull': rule(false, 'fail'),
  'Session.Retired': rule(false, 'fail'),
  /** The id was another message's. */
  'Session.MessageChanged': rule(false, 'fail'),
  'Session.BadMessage': rule(false, 'fail'),
  /** A caller's webhook was not told; it is tried again. */
  'Webhook.Undelivered': rule(true, 'fail'),
  /** It may not be reached from here, or wants to be told no more. */
  'Webhook.Refused': rule(false, 'fail'),
  /** Of this agent and tenant there is none of the name. */
  'Session.NotFound': rule(false, 'fail'),
} as const satisfies Record<string, FailureRule>;

export type FailureType = keyof typeof FAILURES;

export const isFailureType = (type: unknown): type is FailureType =>
  typeof type === 'string' && Object.hasOwn(FAILURES, type);
export const isRetryable = (type: FailureType): boolean => FAILURES[type].retry;
export const consequenceOf = (type: FailureType): Consequence => FAILURES[type].then;
const FALLS_BACK: readonly FailureType[] = ['Tool.Failed', 'Tool.Timeout', 'Tool.CircuitOpen', 'Tool.InvalidOutput'];
/** The tool did what it could, and it is known that it failed: another one may be tried. */
export const mayFallBack = (type: FailureType): boolean => FALLS_BACK.includes(type);
export const isBudgetFailure = (type: FailureType): boolean => type.startsWith('Budget.');

export const isEscalated = (type: FailureType): boolean => type === 'Escalation.Unanswered';

/** A failure as a run reports it. `message` is one line, safe to show, without secrets. */
export interface RunFailure {
  type: FailureType;
  message: string;
}
