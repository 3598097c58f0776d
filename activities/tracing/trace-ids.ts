// Names of traces and spans that follow from what they are of: whoever computes one again finds the same, so a parent is known without
// being told, and a call that is made again on another worker is in the same trace.
import { createHash } from 'node:crypto';
import type { CallKey } from '../../workflows/contract/activities';

const hex = (digits: number, ...parts: (string | number)[]): string => {
  const id = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, digits);
  // All zeros is no id.
  return /^0+$/.test(id) ? `${id.slice(1)}1` : id;
};

/** Of a run that no caller's trace holds. @param firstRunId of its first execution, which a reset and continue-as-new keep */
export const traceIdOf = (firstRunId: string): string => hex(32, 'trace', firstRunId);

export const runSpanId = (firstRunId: string): string => hex(16, 'run', firstRunId);

/** Of a run that was reset after its end, and ended once more. */
export const laterEndSpanId = (firstRunId: string, runId: string): string => hex(16, 'end', firstRunId, runId);

/** Of a call that a sub-agent's run answers: its key is in the run's record. */
export const subRunSpanId = ({ run, turn, index }: Pick<CallKey, 'run' | 'turn' | 'index'>): string =>
  hex(16, 'sub-run', run, turn, index);

/**
 * Of one attempt. By Temporal's own number of the activity and not by the call's key alone: a call that was told to wait for its quota,
 * or whose tool works elsewhere, is asked again by the same key.
 */
export const attemptSpanId = (attempt: { runId: string; activityId: string; number: number }): string =>
  hex(16, 'attempt', attempt.runId, attempt.activityId, attempt.number);

export const waitSpanId = (spanId: string): string => hex(16, 'wait', spanId);

export interface ParsedTraceparent {
  traceId: string;
  spanId: string;
  isSampled: boolean;
}

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/** By W3C Trace Context. @returns undefined for what is none */
export function parseTraceparent(text: string): ParsedTraceparent | undefined {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(text) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  // Version 00 has nothing behind its flags.
  if (text.startsWith('00') && text.length !== TRACEPARENT_CHARS) return undefined;
  return { traceId, spanId, isSampled: (parseInt(flags, 16) & 1) === 1 };
}
const TRACEPARENT_CHARS = 55;

export const traceparentOf = (traceId: string, spanId: string, isSampled: boolean): string =>
  `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`;

const SHARE_DIGITS = 13;

/** By the trace's id, so that all workers decide alike. @param share from 0 to 1 */
export const isSampledAt = (share: number, traceId: string): boolean =>
  share >= 1 || parseInt(traceId.slice(-SHARE_DIGITS), 16) / 16 ** SHARE_DIGITS < share;
