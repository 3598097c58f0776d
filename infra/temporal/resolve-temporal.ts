// Which Temporal server is meant: one that runs elsewhere, or the embedded one.
import { existsSync } from 'node:fs';
import { loadClientConnectConfig, type ClientConnectConfig } from '@temporalio/envconfig';
import { reasonOf } from './error-reason';
import type { Environment } from './run-command';

/** The options of a `NativeConnection`; `connectTemporal` opens a client's connection with them. */
export type TemporalConnectionOptions = ClientConnectConfig['connectionOptions'];

export interface ExternalTemporal {
  kind: 'external';
  connectionOptions: TemporalConnectionOptions & { address: string };
  namespace: string;
}

export type TemporalChoice = ExternalTemporal | { kind: 'embedded' };

/** The environment or the configuration file contradicts itself. One line, with what to do. */
export class TemporalConfigError extends Error {
  override readonly name = 'TemporalConfigError';
}

/**
 * A server elsewhere is meant when `@temporalio/envconfig` ends up with an address: from `TEMPORAL_ADDRESS`, or from the
 * profile that `TEMPORAL_PROFILE` names (else `default`) in the file that `TEMPORAL_CONFIG_FILE` names (else
 * `temporalio/temporal.toml` in the user's configuration folder, the file of `temporal config set`). Without an address
 * the embedded server is meant. Empty variables count as unset. Throws {@link TemporalConfigError} when variables
 * are set that only a server elsewhere could use (`TEMPORAL_PROFILE`, `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY`,
 * `TEMPORAL_TLS*`), but no address is: the embedded server would silently take the place of the one that was meant.
 */
export function resolveTemporal({ env }: { env: Environment }): TemporalChoice {
  const set = Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => !!entry[1]));
  const file = set['TEMPORAL_CONFIG_FILE'];
  if (file && !existsSync(file)) {
    throw new TemporalConfigError(`TEMPORAL_CONFIG_FILE names ${file}, which does not exist: mend it, or unset it.`);
  }
  const { connectionOptions, namespace } = load(set);
  const { address } = connectionOptions;
  if (address) return { kind: 'external', connectionOptions: { ...connectionOptions, address }, namespace };
  const meaningless = Object.keys(set).filter((name) => /^TEMPORAL_(PROFILE|NAMESPACE|API_KEY|TLS(_\w+)?)$/.test(name));
  if (meaningless.length === 0) return { kind: 'embedded' };
  throw new TemporalConfigError(
    `No Temporal address is set, but ${meaningless.join(', ')} is: set TEMPORAL_ADDRESS (or the profile's address), ` +
      'or unset it to use the embedded server.',
  );
}

function load(env: Record<string, string>): { connectionOptions: TemporalConnectionOptions; namespace: string } {
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: env });
    return { connectionOptions, namespace: namespace || 'default' };
  } catch (error) {
    throw new TemporalConfigError(`Temporal's configuration cannot be read: ${reasonOf(error)}`);
  }
}
