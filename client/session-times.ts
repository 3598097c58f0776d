// When a message comes that is for a later time.
import { durationMs } from '../activities/define/duration';
import type { SendRequest } from '../workflows/contract/session';
import { ClientError } from './errors';
import type { SendOptions } from './session-handle';

/** Later than that nobody waits for: it is a typing error. Two leap years are at most eight years apart. */
export const LATEST = 'within ten years';
export const LATEST_MS = 10 * 366 * 24 * 3_600_000;

/** @throws ClientError `invalid-input` */
export function timeOf({ at, after }: Pick<SendOptions, 'at' | 'after'>): Pick<SendRequest, 'at' | 'afterMs'> {
  if (at !== undefined && after !== undefined)
    throw new ClientError('invalid-input', 'a message has a time to come at, or one to come after; not both.');
  if (at !== undefined) {
    // A caller in plain JavaScript may hand over a text.
    const time: unknown = at;
    if (!(time instanceof Date))
      throw new ClientError('invalid-input', `at: give a Date, such as new Date('2027-01-31T09:00:00Z').`);
    if (Number.isNaN(at.getTime())) throw new ClientError('invalid-input', 'at: that is no time.');
    if (at.getTime() > Date.now() + LATEST_MS) throw new ClientError('invalid-input', `at: it comes ${LATEST}.`);
    return { at: at.getTime() };
  }
  if (after === undefined) return {};
  const afterMs = given(() => durationMs(after, 'after'));
  if (afterMs > LATEST_MS) throw new ClientError('invalid-input', `after: it comes ${LATEST}.`);
  return { afterMs };
}

function given<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ClientError('invalid-input', error instanceof Error ? error.message : 'that is no time.', {
      cause: error,
    });
  }
}
