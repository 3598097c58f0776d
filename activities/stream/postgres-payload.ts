// What answers on their way look like in notifications of Postgres: which channel they take, and what fits into one.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { KeyRing } from '../keys/key-ring';
import type { LiveText } from './live-text';
import type { TextEvent, TextPosition } from './port';
import { parseLine } from './socket-folder';

/** Postgres takes less than 8,000. */
export const PAYLOAD_BYTES_MAX = 7_900;
/** Tried first. Most answers grow by far less between two notifications. */
const CHARS_AT_ONCE = 5_000;

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 40);

/** Stores that share a database have channels of their own. Names of channels end at 63 characters. */
export const requestsChannel = (schema: string): string => `longhaul_asks_${hash(schema)}`;
export const arrivalsChannel = (schema: string): string => `longhaul_hello_${hash(schema)}`;
export const runChannel = (schema: string, run: string): string => `longhaul_text_${hash(`${schema}\0${run}`)}`;

const whole = z.int().min(0);
const requestSchema = z.object({
  channel: z.string().min(1).max(63),
  after: z.object({ begunAt: whole, sequence: whole }).optional(),
});
export type ReadRequest = z.infer<typeof requestSchema>;

export function encodeRequest(channel: string, told: TextPosition | undefined): string {
  const after = told && { begunAt: told.begunAt, sequence: told.sequence };
  return JSON.stringify({ channel, after });
}
export const decodeRequest = (payload: string): ReadRequest | undefined => parseLine(requestSchema, payload);

/** @returns as much of what comes after `sequence` as fits into a notification; undefined where nothing does */
export function encodeNext(
  live: LiveText,
  sequence: number,
  keys: KeyRing | undefined,
): { payload: string; event: TextEvent } | undefined {
  for (let most = CHARS_AT_ONCE; ; most = Math.floor(most / 2)) {
    const event = live.since(sequence, most);
    if (!event) return undefined;
    const payload = encodeEvent(event, keys);
    if (Buffer.byteLength(payload) <= PAYLOAD_BYTES_MAX || most < 2) return { payload, event };
  }
}

const eventSchema = z.tuple([whole, whole, whole, whole, z.string()]);

/** The run is bound to what is sealed, and found by its channel. */
const contextOf = (run: string): string => `text of run ${run}`;

function encodeEvent({ run, turn, attempt, begunAt, sequence, text }: TextEvent, keys: KeyRing | undefined): string {
  const json = JSON.stringify([turn, attempt, begunAt, sequence, text]);
  return keys ? Buffer.from(keys.seal(Buffer.from(json), contextOf(run))).toString('base64') : json;
}

/** @returns undefined for what is nothing of ours; with keys only what was sealed is */
export function decodeEvent(payload: string, run: string, keys: KeyRing | undefined): TextEvent | undefined {
  const json = keys ? opened(payload, run, keys) : payload;
  const parsed = json === undefined ? undefined : parseLine(eventSchema, json);
  if (!parsed) return undefined;
  const [turn, attempt, begunAt, sequence, text] = parsed;
  return { run, turn, attempt, begunAt, sequence, text };
}

function opened(payload: string, run: string, keys: KeyRing): string | undefined {
  try {
    return Buffer.from(keys.open(Buffer.from(payload, 'base64'), contextOf(run))).toString();
  } catch {
    return undefined;
  }
}
