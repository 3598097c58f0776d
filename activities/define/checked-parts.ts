// Parts of a definition, checked where no compiler has looked at them.
import { onlyKnownKeys } from './known-keys';

/**
 * @param or what else may stand here
 * @throws Error in one line
 */
export function objectWith(value: unknown, what: string, keys: readonly string[], or?: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(
      `${what} is an object with any of ${keys.join(', ')}${or === undefined ? '' : `, or ${or}`}; not ${shown(value)}.`,
    );
  onlyKnownKeys(value, keys, what);
}

/** @throws Error in one line */
export function whole(value: number, what: string, least = 1, unit = ''): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new Error(`${what} must be a whole number from ${least}${unit}, not ${shown(value)}.`);
}

/** JSON writes NaN and Infinity as null. */
export const shown = (value: unknown): string =>
  typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? 'that');
