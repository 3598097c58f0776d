// What a shell learns of an outcome or an error, and the one line that a person reads of it.
import { safeText } from '../../activities/redact';
import { isObject, nameOf, reasonOf } from '../../infra/temporal/error-reason';
import { isFailureType } from '../../workflows/contract/failures';
import type { Outcome } from '../../workflows/contract/run';
import { ClientError, type ClientErrorCode } from '../errors';
import { isTemporalGone } from '../temporal-gone';
import { safeForTerminal } from './terminal-text';

type ExitName = 'completed' | 'failed' | 'usage' | 'cancelled' | 'budgetExhausted' | 'escalated' | 'refused';

export const EXIT: Readonly<Record<ExitName, number>> = {
  completed: 0,
  failed: 1,
  usage: 2,
  cancelled: 3,
  budgetExhausted: 4,
  escalated: 5,
  /** EX_TEMPFAIL of sysexits.h: no room now, try again later. */
  refused: 75,
};

const OF_OUTCOME: Readonly<Record<Outcome, number>> = {
  completed: EXIT.completed,
  failed: EXIT.failed,
  escalated: EXIT.escalated,
  cancelled: EXIT.cancelled,
  'budget-exhausted': EXIT.budgetExhausted,
};

/** Of a run that was refused for load nothing is wrong but the time. */
export const exitCodeOf = ({ outcome, failure }: { outcome: Outcome; failure?: { type: string } }): number =>
  failure && REFUSED.includes(failure.type) ? EXIT.refused : OF_OUTCOME[outcome];

const REFUSED: readonly string[] = ['Model.QuotaShed', 'Queue.Full', 'Queue.Expired'];

const OF_CLIENT_ERROR: Readonly<Record<ClientErrorCode, number>> = {
  'unknown-agent': EXIT.usage,
  'invalid-input': EXIT.usage,
  'id-in-use': EXIT.usage,
  'run-not-found': EXIT.usage,
  misconfigured: EXIT.usage,
  // A run said no, for example to a cancel after its end: trying again later would not help, so it is not 75.
  refused: EXIT.failed,
  'queue-full': EXIT.refused,
  busy: EXIT.refused,
  'session-not-found': EXIT.usage,
  erased: EXIT.failed,
  'no-worker': EXIT.failed,
  stuck: EXIT.failed,
  'temporal-unreachable': EXIT.failed,
};

/** Errors of what was typed or configured; all others are of the world. */
const USAGE_ERRORS: readonly string[] = [
  'ConfigError',
  'TemporalConfigError',
  'CommanderError',
  'InvalidArgumentError',
];

export function exitCodeOfError(error: unknown): number {
  if (ClientError.isInstance(error)) return OF_CLIENT_ERROR[error.code];
  return USAGE_ERRORS.includes(nameOf(error)) ? EXIT.usage : EXIT.failed;
}

/** Of errors that are not the client's own. A caller of `--json` branches on these, so they are never renamed. */
const OF_NAME: Readonly<Record<string, string>> = {
  ConfigError: 'misconfigured',
  TemporalConfigError: 'misconfigured',
  CommanderError: 'usage',
  InvalidArgumentError: 'usage',
  TemporalUnreachableError: 'temporal-unreachable',
  TemporalCliNotFoundError: 'temporal-cli-not-found',
  TemporalStartError: 'temporal-not-started',
};

/** What `--json` calls an error: a client's code, a failure type, or `unexpected`. */
export function errorCode(error: unknown): string {
  if (ClientError.isInstance(error)) return error.code;
  if (error instanceof Error && 'type' in error && isFailureType(error.type)) return error.type;
  if (nameOf(error) === 'ServiceError' && hasCause(error))
    return isTemporalGone(error) ? 'temporal-unreachable' : 'temporal-refused';
  return OF_NAME[nameOf(error)] ?? 'unexpected';
}

/** Their later lines list what was tried, or the last words of a server. */
const IN_LINES: readonly string[] = ['TemporalCliNotFoundError', 'TemporalStartError'];

/** One line, without stack or credentials, safe for a terminal. Of the two errors that carry a list, its lines. */
export function errorLine(error: unknown): string {
  const lines = safeForTerminal(textOf(error)).split('\n');
  const kept = IN_LINES.includes(nameOf(error)) ? lines : lines.slice(0, 1);
  return kept.map((line) => `${/^ */.exec(line)?.[0] ?? ''}${safeText(line)}`).join('\n');
}

function textOf(error: unknown): string {
  // Its message is a page of JSON.
  if (nameOf(error) === 'ZodError' && isObject(error) && 'issues' in error && Array.isArray(error.issues))
    return `what was given or stored does not fit: ${reasonOf(error.issues[0])}`;
  if (nameOf(error) === 'ServiceError' && hasCause(error)) {
    const details = hasDetails(error.cause) ? error.cause.details : reasonOf(error.cause);
    return isTemporalGone(error)
      ? `Temporal does not answer any more (${details}): is it still running?`
      : `Temporal refused: ${details}`;
  }
  if (isObject(error) && 'errors' in error && Array.isArray(error.errors) && error.errors.length > 0) {
    return reasonOf(error.errors[0]);
  }
  if (isObject(error) && 'message' in error && String(error.message).trim() !== '') return String(error.message).trim();
  return isObject(error) ? nameOf(error) || 'an error without a message' : String(error);
}

const hasCause = (error: unknown): error is { cause: unknown } => isObject(error) && 'cause' in error;
const hasDetails = (error: unknown): error is { details: string } =>
  isObject(error) && 'details' in error && typeof error.details === 'string' && error.details !== '';
