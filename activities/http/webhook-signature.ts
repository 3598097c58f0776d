// Standard Webhooks 1.0 (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md): HMAC-SHA-256 of `id.timestamp.body`.
import { createHash, createHmac } from 'node:crypto';

const PREFIX = 'whsec_';
/** As the standard has them. */
const KEY_BYTES_MIN = 24;
const KEY_BYTES_MAX = 64;

/**
 * Several are parted by spaces: each signs, so that a receiver may change from one to the other.
 * @throws Error that holds nothing of it
 */
export function webhookSecrets(text: string): Uint8Array[] {
  const keys = text
    .split(/\s+/)
    .filter((one) => one !== '')
    .map((one) => Buffer.from(one.startsWith(PREFIX) ? one.slice(PREFIX.length) : '', 'base64'));
  if (keys.length > 0 && keys.every(({ length }) => length >= KEY_BYTES_MIN && length <= KEY_BYTES_MAX)) return keys;
  throw new Error(
    `it is ${PREFIX} and ${KEY_BYTES_MIN} to ${KEY_BYTES_MAX} random bytes in base64: echo "${PREFIX}$(openssl rand -base64 32)"`,
  );
}

/** Of one event, however often it is sent: without a dot, and by nobody's choice. */
export const webhookId = (...parts: readonly string[]): string =>
  `msg_${createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 32)}`;

export interface SignedWebhook {
  id: string;
  body: string;
  /** Of this attempt: seconds since the epoch. */
  seconds: number;
}

export function webhookHeaders(
  { id, body, seconds }: SignedWebhook,
  secrets: readonly Uint8Array[],
): { [name: string]: string } {
  const signatures = secrets.map(
    (secret) => `v1,${createHmac('sha256', secret).update(`${id}.${seconds}.${body}`).digest('base64')}`,
  );
  return { 'webhook-id': id, 'webhook-timestamp': String(seconds), 'webhook-signature': signatures.join(' ') };
}
