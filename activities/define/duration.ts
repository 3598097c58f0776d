import ms from 'ms';

/**
 * Milliseconds, or text such as `20s`, `10m`, `4h`. Spelled out here: a type of the library would be `any` in a project that has not
 * installed its declarations, and any text would do.
 */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd' | 'w'}`;

/** @throws Error naming `what`, when the duration is not a positive length of time. */
export function durationMs(duration: Duration, what: string): number {
  const length = typeof duration === 'number' ? duration : ms(duration);
  if (!Number.isFinite(length) || length <= 0) {
    throw new Error(
      `${what}: "${duration}" is not a positive duration. Write milliseconds or text such as "20s", "10m", "4h".`,
    );
  }
  return Math.round(length);
}
