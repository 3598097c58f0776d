import { randomBytes } from 'node:crypto';

/** What one answer has that its repetition would not: ids and times, as with a real provider. */
export interface AnswerIdentity {
  /** Hex digits, new for every answer. */
  readonly nonce: string;
  /** Seconds since 1970. */
  readonly createdAt: number;
}

export function answerIdentity(): AnswerIdentity {
  return { nonce: randomBytes(12).toString('hex'), createdAt: Math.floor(Date.now() / 1000) };
}

/** An id within an answer, for example `call_…`: distinct by prefix and position. */
export function idOf(identity: AnswerIdentity, prefix: string, position = 0): string {
  return `${prefix}_${identity.nonce}${position.toString(16).padStart(4, '0')}`;
}
