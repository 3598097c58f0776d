// Caps on what enters a history, and the defaults of a run. Units are in the names.
import type { RunLimits } from './run';

/** All that a run may be held to. */
export const LIMIT_NAMES = [
  'turns',
  'toolCalls',
  'tokens',
  'modelCalls',
  'nanoUsd',
  'wallMs',
] as const satisfies readonly (keyof RunLimits)[];

/** Characters of content that a history may show: enough to recognise a message, too few to leak one. */
export const PREVIEW_CHARS = 120;
/** Characters of a failure's message, which a history keeps. It may quote what a tool or a provider said. */
export const FAILURE_CHARS = 200;
/** Characters of why somebody does something to a run: it is shown on one line, and kept in a history for ever. */
export const REASON_CHARS = 500;
/** Characters of an identifier that a caller chooses: Temporal allows 1,000 bytes, a person reads far fewer. */
export const ID_CHARS = 200;
/** Characters of a session's id, and of the caller's id of a message: with the two of them a run of the session is named. */
export const SESSION_ID_CHARS = 90;
export const SESSION_MESSAGE_ID_CHARS = 100;
/** What its workflow carries is at most half a KB a message: a thousand are far from what a payload may have. */
export const MAILBOX_MAX = 1_000;
/** Of a session whose agent's release says nothing of sessions any more. */
export const DEFAULT_SESSION_PLAN = { onBusy: 'enqueue', mailbox: 100, idleMs: 30 * 24 * 3_600_000 } as const;
/** Tags of a run, and the length of one. They are search attributes, which are never encrypted. */
export const TAGS_MAX = 20;
export const TAG_CHARS = 64;

/** Characters of what is said to a run on its way; as text in an update fewer, since that stays in the history. */
export const STEER_CHARS = 100_000;
export const STEER_TEXT_CHARS = 4_000;
/** Said and not yet heard. */
export const STEERED_MAX = 20;

/** Steps that `progress` shows and continue-as-new carries: what fits a screen. */
export const STEPS_SHOWN = 24;
/** Messages that `transcript` shows and continue-as-new carries; older ones are read from the store, by head. */
export const MESSAGES_SHOWN = 24;

export const DEFAULT_TURNS = 30;
export const DEFAULT_TOOL_CALLS = 200;
/** Answers in a row that may be unusable before the run fails with their type. */
export const DEFAULT_REPAIRS = 2;
/** A streaming answer of a large reasoning model takes minutes; ten is beyond any seen in practice. */
export const DEFAULT_MODEL_TIMEOUT_MS = 600_000;
export const DEFAULT_MODEL_ATTEMPTS = 6;
export const DEFAULT_TOOL_TIMEOUT_MS = 30_000;
export const DEFAULT_TOOL_ATTEMPTS = 3;
/** Between the attempts of a tool, in milliseconds. */
export const DEFAULT_TOOL_BACKOFF = { firstMs: 500, factor: 2, mostMs: 20_000 } as const;
/** Tools that may stand in for one: each has record keys of its own behind those of the turn's calls. */
export const FALLBACKS_MAX = 3;
/** A turn has fewer calls: Temporal holds 2,000 activities of a run at once, and a model asks for a few dozen. */
export const FALLBACK_INDEX_STEP = 1_000;
/** Of a call of a turn, by its place there: its own index in the calls' keys, then those of the tools that may stand in for it. */
export const indexesOf = (call: number): number[] =>
  Array.from({ length: FALLBACKS_MAX + 1 }, (_, nth) => call + 1 + nth * FALLBACK_INDEX_STEP);
/** A tool that is asked for the outcome of what it began changes nothing by it, however few attempts its beginning has. */
export const pollAttempts = ({ attempts }: { attempts: number }): number => Math.max(attempts, DEFAULT_TOOL_ATTEMPTS);
/** A provider's retry-after up to this is waited for inside Temporal's own retry; a longer one frees the slot. */
export const SHORT_RETRY_AFTER_MS = 5_000;
