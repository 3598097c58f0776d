import { z } from 'zod';
import { durationMs, type Duration } from './duration';

/** A length of time as a configuration writes it. */
export const durationSchema = z.custom<Duration>(
  (value) => {
    try {
      durationMs(value as Duration, 'duration');
      return typeof value === 'number' || typeof value === 'string';
    } catch {
      return false;
    }
  },
  { error: 'it is more than zero: milliseconds, or text such as "30s" or "10m"' },
);
