// What a caller names a run by: its id, whose it is, its tags.
import { randomBytes } from 'node:crypto';
import type { WebhookTarget } from '../activities/define/webhook';
import { ID_CHARS, LIMIT_NAMES, TAG_CHARS, TAGS_MAX } from '../workflows/contract/limits';
import { PRIORITIES, type Priority } from '../workflows/contract/quota';
import type { RunLimits } from '../workflows/contract/run';
import { ClientError } from './errors';
import { isReservedId, RESERVED_RULE } from './reserved-ids';

export interface StartOptions {
  /** The same id is the same run: starting it twice starts it once. @default a new one */
  id?: string;
  /** @default the client's */
  tenant?: string;
  /** @default the client's */
  user?: string;
  /** Groups the runs of one conversation or customer. */
  session?: string;
  /** Shown and searched in plain text: no secrets. At most 20 of 64 characters. */
  tags?: readonly string[];
  /** Near the limits of a model the more urgent goes first. @default 'normal' */
  priority?: Priority;
  /** Beside those of the agent: of each the smaller counts. Whole numbers from 1; `nanoUsd` in billionths of a dollar, `wallMs` in milliseconds. */
  limits?: Partial<RunLimits>;
  /** Told when the run ends, and when it asks people. Said of a run that is there already it is told too; of two the first counts. */
  webhook?: WebhookTarget;
  /**
   * Of the caller's span, as W3C Trace Context writes it: the run's spans belong into that trace. @default that of the active span, where
   * the process has an OpenTelemetry SDK; otherwise the run begins a trace of its own
   */
  traceparent?: string;
  /** Lifts all timeouts, for a debugger. */
  inspect?: boolean;
}

/** 5 bits a character, 60 in all: among a hundred million runs, two share an id once in two hundred such stores. */
export const newRunId = (): string =>
  `run_${[...randomBytes(12)].map((byte) => 'abcdefghijkmnpqrstuvwxyz23456789'[byte % 32]).join('')}`;

/** A ref's name has at most 500 bytes, of which the longest kind spends 42 on a run id of Temporal's and its prefix. */
const ENCODED_ID_BYTES = 450;

/** Whether a text could be the id of a run. */
export const isRunId = (id: unknown): boolean =>
  typeof id === 'string' &&
  id.trim() !== '' &&
  id.length <= ID_CHARS &&
  id.isWellFormed() &&
  encodeURIComponent(id).length <= ENCODED_ID_BYTES;

function requireLimits(limits: { [name: string]: unknown }): void {
  for (const [name, most] of Object.entries(limits)) {
    if (!LIMIT_NAMES.some((known) => known === name))
      throw new ClientError(
        'invalid-input',
        `limits: there is no limit "${name}": there are ${LIMIT_NAMES.join(', ')}.`,
      );
    if (!Number.isSafeInteger(most) || Number(most) < 1)
      throw new ClientError('invalid-input', `limits.${name}: it is a whole number from 1.`);
  }
}

/** It is printed on one line, and typed again. */
const CONTROL = /\p{Cc}/u;

/** @throws ClientError `invalid-input`: what the server would refuse, or keep and not find again */
export function checkedLabels(id: string, start: StartOptions): string[] {
  // Without types a caller may write anything, and what is no class would be behind or before all of them.
  if (start.priority !== undefined && !PRIORITIES.includes(start.priority))
    throw new ClientError('invalid-input', `priority: it is one of ${PRIORITIES.join(', ')}.`);
  requireLimits(start.limits ?? {});
  const { tags = [] } = start;
  if (!isRunId(id)) {
    const rule = `a run id has 1 to ${ID_CHARS} characters, at most ${ENCODED_ID_BYTES} bytes when percent-encoded.`;
    throw new ClientError('invalid-input', rule);
  }
  if (isReservedId(id)) throw new ClientError('invalid-input', RESERVED_RULE);
  if (CONTROL.test(id)) throw new ClientError('invalid-input', 'a run id is one line, without control characters.');
  for (const name of ['tenant', 'user', 'session'] as const) {
    // A caller in JavaScript may pass anything.
    const label: unknown = start[name];
    if (label === undefined || (typeof label === 'string' && label.trim() !== '' && label.length <= ID_CHARS)) continue;
    throw new ClientError('invalid-input', `a ${name} has 1 to ${ID_CHARS} characters.`);
  }
  const bad = tags.find((tag: unknown) => typeof tag !== 'string' || tag === '' || tag.length > TAG_CHARS);
  if (bad !== undefined || tags.length > TAGS_MAX) {
    throw new ClientError('invalid-input', `at most ${TAGS_MAX} tags of 1 to ${TAG_CHARS} characters.`);
  }
  return [...tags];
}
