import type { ActivityDeps } from '../activities/deps';
import { failure } from '../activities/failure';

/** @param read an environment variable, or undefined when unset or empty */
export const secretsFrom =
  (read: (name: string) => string | undefined): ActivityDeps['secretsOf'] =>
  ({ name, secrets }) =>
    Object.fromEntries(
      secrets.map((secret) => {
        const value = read(secret);
        if (value !== undefined) return [secret, value];
        throw failure('Tool.Rejected', `toolbox ${name} needs ${secret}, which is not set where its worker runs.`);
      }),
    );
