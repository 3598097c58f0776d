// What went wrong, as RFC 9457 has it: `type` says what may happen next, as the types of failures do, and is never renamed.
import { isObject, nameOf } from '../../infra/temporal/error-reason';
import { ClientError, type ClientErrorCode } from '../errors';
import { isTemporalGone } from '../temporal-gone';

export const PROBLEM_TYPE = 'application/problem+json';

/** Status and title of each. A caller branches on the type. */
export const PROBLEMS = {
  'Api.InvalidRequest': [400, 'The request cannot be read'],
  'Api.Unauthorized': [401, 'A key is needed'],
  'Api.Forbidden': [403, 'The key does not allow it'],
  'Api.NotFound': [404, 'There is no such place'],
  'Api.MethodNotAllowed': [405, 'The place has other methods'],
  'Api.TooSlow': [408, 'The request did not come in time'],
  'Api.BodyTooLarge': [413, 'The body is too large'],
  'Api.WrongMediaType': [415, 'The body is of another media type'],
  'Api.Invalid': [422, 'The request does not fit'],
  'Api.IdempotencyKeyReused': [422, 'The idempotency key was used for another request'],
  'Api.HeadersTooLarge': [431, 'The headers are too large'],
  'Api.Busy': [503, 'Too many are waiting'],
  'Api.Unexpected': [500, 'The server failed'],
  'Agent.NotFound': [404, 'There is no such agent'],
  'Release.NotFound': [404, 'There is no such release'],
  'Traffic.Refused': [409, 'The traffic stays as it is'],
  'Rollout.NotFound': [404, 'There is no such rollout'],
  'Rollout.Refused': [409, 'The rollout refuses it'],
  'Run.NotFound': [404, 'There is no such run'],
  'Run.IdInUse': [409, 'The id is taken'],
  'Run.Refused': [409, 'The run refuses it'],
  'Run.Erased': [410, 'The run was erased'],
  'Run.Stuck': [503, 'The run makes no headway'],
  'Queue.Full': [429, 'The queue is full'],
  'Queue.NotFound': [404, 'There is no such queue'],
  'Session.NotFound': [404, 'There is no such session'],
  'Session.MessageNotFound': [404, 'There is no such message'],
  'Session.Busy': [429, 'The session takes no message now'],
  'Session.MailboxFull': [429, 'As many messages wait as the session has room for'],
  'Session.Retired': [409, 'The session takes no message any more'],
  'Session.MessageChanged': [409, "The id was another message's"],
  'Worker.Absent': [503, 'No worker answers'],
  'Temporal.Unreachable': [503, 'Temporal does not answer'],
  'Store.Unavailable': [503, 'The store does not answer'],
  'Store.ObjectMissing': [500, 'What is stored cannot be read'],
  'Store.ObjectCorrupt': [500, 'What is stored cannot be read'],
  'Store.KeyMissing': [500, 'What is stored cannot be read'],
} as const satisfies { [type: string]: readonly [status: number, title: string] };

export type ProblemType = keyof typeof PROBLEMS;

/** One place of a request that does not fit: a JSON pointer into the body, or a parameter or header by its name. */
export type Misfit = { detail: string } & ({ pointer: string } | { parameter: string });

/** RFC 6901. */
export const pointerOf = (path: readonly PropertyKey[]): string =>
  path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

export interface ProblemOptions extends ErrorOptions {
  headers?: { [name: string]: string };
  errors?: Misfit[];
}

/** Thrown wherever a request cannot be answered as it was meant. `message` is one line, safe to show. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly type: ProblemType;
  readonly status: number;
  readonly title: string;
  readonly headers: { readonly [name: string]: string };
  readonly errors: readonly Misfit[] | undefined;

  constructor(type: ProblemType, detail: string, { headers = {}, errors, ...options }: ProblemOptions = {}) {
    super(detail, options);
    this.type = type;
    [this.status, this.title] = PROBLEMS[type];
    this.headers = headers;
    this.errors = errors;
  }
}

const SECOND_MS = 1_000;
/** In seconds: for what comes back by itself. */
const AGAIN_SOON = { 'retry-after': '5' };

const OF_CLIENT: Readonly<Record<ClientErrorCode, ProblemType>> = {
  'unknown-agent': 'Agent.NotFound',
  'invalid-input': 'Api.Invalid',
  'id-in-use': 'Run.IdInUse',
  'run-not-found': 'Run.NotFound',
  refused: 'Run.Refused',
  erased: 'Run.Erased',
  'queue-full': 'Queue.Full',
  'session-not-found': 'Session.NotFound',
  busy: 'Session.Busy',
  'no-worker': 'Worker.Absent',
  stuck: 'Run.Stuck',
  'temporal-unreachable': 'Temporal.Unreachable',
  misconfigured: 'Api.Unexpected',
};
const COMES_BACK: readonly ProblemType[] = [
  'Session.Busy',
  'Session.MailboxFull',
  'Worker.Absent',
  'Temporal.Unreachable',
  'Store.Unavailable',
];
const headersOf = (type: ProblemType): ProblemOptions => (COMES_BACK.includes(type) ? { headers: AGAIN_SOON } : {});

const isProblemType = (type: unknown): type is ProblemType => typeof type === 'string' && Object.hasOwn(PROBLEMS, type);

/** What is told of an error: nothing of one that nobody foresaw. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (ClientError.isInstance(error)) {
    const { failure } = error;
    const known = isProblemType(failure) ? failure : OF_CLIENT[error.code];
    const again = error.retryAfterMs;
    const headers =
      again === undefined ? headersOf(known) : { headers: { 'retry-after': String(Math.ceil(again / SECOND_MS)) } };
    return new Problem(known, error.message, { ...headers, ...inputMisfits(error) });
  }
  const type = isObject(error) && 'type' in error ? error.type : undefined;
  // What the store itself says may name places of this machine.
  if (isProblemType(type))
    return new Problem(type, "the store could not be used; the server's own output says why.", headersOf(type));
  if (nameOf(error) === 'ServiceError' && isTemporalGone(error))
    return new Problem('Temporal.Unreachable', 'Temporal does not answer.', headersOf('Temporal.Unreachable'));
  return new Problem('Api.Unexpected', 'the server failed; its own output says why.');
}

/** Every body that has an agent's input has it as `input`. */
const inputMisfits = ({ misfits }: ClientError): ProblemOptions =>
  misfits ? { errors: misfits.map(({ path, detail }) => ({ pointer: pointerOf(['input', ...path]), detail })) } : {};

/** @param instance path of the request */
export function problemResponse(
  { type, status, title, message, headers, errors }: Problem,
  instance: string,
): Response {
  const body = { type, title, status, detail: message, instance, ...(errors ? { errors } : {}) };
  return new Response(`${JSON.stringify(body)}\n`, {
    status,
    headers: { 'content-type': PROBLEM_TYPE, 'cache-control': 'no-store', ...headers },
  });
}
