// Turns what a caller passes to `start` into the run's first message.
import type { ContentStore } from '../activities/store';
import { firstMessageOf, type FirstMessage } from '../activities/store/first-message';
import type { ReleaseManifest } from '../workflows/contract/release';
import { ClientError } from './errors';

export type { FirstMessage };

/**
 * @param store as the run's tenant sees it
 * @throws ClientError `invalid-input`, naming what does not fit
 */
export function firstMessage(
  store: Pick<ContentStore, 'nameOf'>,
  manifest: ReleaseManifest,
  given: unknown,
): FirstMessage {
  const message = firstMessageOf(store, manifest, given);
  if ('refused' in message) throw new ClientError('invalid-input', message.refused, { misfits: message.misfits });
  return message;
}
