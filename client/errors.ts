import type { FailureType } from '../workflows/contract/failures';

/** What went wrong on the caller's side of the wire. `message` is one line: what, and what to do. */
export type ClientErrorCode =
  | 'unknown-agent'
  | 'invalid-input'
  | 'id-in-use'
  | 'run-not-found'
  | 'refused'
  | 'queue-full'
  /** For want of room, or of a free moment: the same may be taken later. */
  | 'busy'
  | 'session-not-found'
  | 'erased'
  | 'no-worker'
  | 'stuck'
  | 'temporal-unreachable'
  | 'misconfigured';

const MARKER: unique symbol = Symbol.for('longhaul.client-error');

export interface ClientErrorOptions extends ErrorOptions {
  /** When the same may be tried again. Milliseconds. */
  retryAfterMs?: number;
  /** What the other side calls it, where it has a name for it. */
  failure?: FailureType;
  misfits?: readonly { path: readonly PropertyKey[]; detail: string }[];
}

export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly [MARKER] = true;
  /** Of `queue-full`: when to try again. Milliseconds. */
  readonly retryAfterMs?: number;
  /** Type of the failure that a session refuses with: tells `Session.MailboxFull` from `Session.Busy`, which are `busy` both. */
  readonly failure?: FailureType;
  /** Of `invalid-input`, where it is an agent's input: each place in it that does not fit its schema. */
  readonly misfits?: readonly { readonly path: readonly PropertyKey[]; readonly detail: string }[];
  constructor(
    readonly code: ClientErrorCode,
    message: string,
    options: ClientErrorOptions = {},
  ) {
    super(message, options);
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
    if (options.failure !== undefined) this.failure = options.failure;
    if (options.misfits !== undefined) this.misfits = options.misfits;
  }

  /** Works across copies of this package, where instanceof does not. */
  static isInstance(error: unknown): error is ClientError {
    return error instanceof Error && MARKER in error;
  }
}
