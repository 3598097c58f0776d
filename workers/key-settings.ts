// The keys that what is stored is sealed with: from the environment alone, because a configuration file is committed.
import { openKeyRing, type KeyRing } from '../activities/keys/key-ring';
import { ConfigError } from './config-error';
import type { Setting } from './describe-settings';

const KEYS = 'LONGHAUL_KEYS';

/** @throws ConfigError that holds no key */
export function keySettings(read: (name: string) => string | undefined): { keys?: KeyRing; described: Setting } {
  const text = read(KEYS);
  if (text === undefined)
    return { described: { what: 'keys', value: 'none: content is stored in the clear', source: 'default' } };
  try {
    const keys = openKeyRing(text);
    return { keys, described: { what: 'keys', value: keys.ids.join(', '), source: KEYS } };
  } catch (error) {
    throw new ConfigError(`${KEYS}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
