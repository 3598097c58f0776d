// What sessions and their messages are named by. With both of them a run is named, so neither is as long as a run's id may be.
import { randomBytes } from 'node:crypto';
import { SESSION_ID_CHARS, SESSION_MESSAGE_ID_CHARS } from '../workflows/contract/limits';
import { ClientError } from './errors';
import { isReservedId, RESERVED_RULE } from './reserved-ids';

/** A ref's name has at most 500 bytes, of which both ids and what stands before them take their part. */
const ENCODED_BYTES = 200;
const WAKE_NAME_CHARS = 60;
/** It is printed on one line, and typed again. */
const CONTROL = /\p{Cc}/u;

/** @throws ClientError `invalid-input` */
export function requireSessionId(id: unknown): asserts id is string {
  requireId('a session', id, SESSION_ID_CHARS);
  // With a message's id it is that of a run.
  if (isReservedId(`${id}/`)) throw new ClientError('invalid-input', RESERVED_RULE);
  if (id.includes('/')) throw new ClientError('invalid-input', 'a session id has no "/" in it: its runs have.');
}

/** @throws ClientError `invalid-input` */
export const requireMessageId: (id: unknown) => asserts id is string = (id) =>
  requireId('a message', id, SESSION_MESSAGE_ID_CHARS);

/** The name is followed by the time: together they are the id of a message. @throws ClientError `invalid-input` */
export const requireWakeName: (name: unknown) => asserts name is string = (name) =>
  requireId('what wakes it', name, WAKE_NAME_CHARS, 'name');

const requireId: (of: string, id: unknown, most: number, what?: string) => asserts id is string = (
  of,
  id,
  most,
  what = 'id',
) => {
  const fits =
    typeof id === 'string' &&
    id.trim() !== '' &&
    id.length <= most &&
    id.isWellFormed() &&
    !CONTROL.test(id) &&
    encodeURIComponent(id).length <= ENCODED_BYTES;
  if (fits) return;
  const rule = `the ${what} of ${of} has 1 to ${most} characters on one line, at most ${ENCODED_BYTES} bytes when percent-encoded.`;
  throw new ClientError('invalid-input', rule);
};

/** Whether a text could be the id of a session. */
export function isSessionId(id: string): boolean {
  try {
    requireSessionId(id);
    return true;
  } catch {
    return false;
  }
}

export const newMessageId = (): string => `msg_${randomBytes(9).toString('base64url')}`;
