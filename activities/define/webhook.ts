// An address that a caller names, to be told of a run. Checked where it is named, and once more wherever it turns out to be when it is told.
import { isIP } from 'node:net';
import { WEBHOOK_EVENTS, type WebhookEventType } from '../../workflows/contract/webhook';
import { addressJudge, type AllowPrivate } from '../http/addresses';

export interface WebhookTarget {
  /** `https`; `http` to this machine alone. */
  url: string;
  /** @default both: `run.ended`, `run.asks` */
  events?: readonly WebhookEventType[];
  /** Name of the API key whose secret signs. @default the one that `api.webhooks` has for all */
  key?: string;
}

const URL_CHARS = 2_000;
const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];

/** @returns what is wrong with it, undefined where nothing is. @param allowPrivate @default what a worker allows is seen when it is told */
export function webhookRefusal({ url: text, events }: WebhookTarget, allowPrivate?: AllowPrivate): string | undefined {
  if (typeof text !== 'string' || text.length > URL_CHARS) return `it has at most ${URL_CHARS} characters.`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url) return 'it is no URL.';
  if (url.username || url.password) return 'it may not hold a user or a password.';
  const isHere = LOOPBACK_NAMES.includes(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isHere))
    return 'it begins with https://, or, to this machine alone, with http://.';
  if (events && (events.length === 0 || !events.every((event) => WEBHOOK_EVENTS.includes(event))))
    return `its events are among ${WEBHOOK_EVENTS.join(', ')}.`;
  if (allowPrivate === undefined) return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const address = host === 'localhost' ? '127.0.0.1' : host;
  const kind = isIP(address) ? addressJudge(allowPrivate)(address) : undefined;
  return kind === undefined ? undefined : `a ${kind} address may not be told from here: api.webhooks.allowPrivate.`;
}
