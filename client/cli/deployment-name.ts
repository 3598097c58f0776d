// What deployments and builds may be called: Temporal's delimiters are in neither, and a label of a platform takes both.
import { ClientError } from '../errors';

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$/;
const BUILD = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

/** @throws ClientError `invalid-input` */
export function requireDeploymentName(name: string): void {
  if (!NAME.test(name))
    throw new ClientError(
      'invalid-input',
      'a deployment is named by 1 to 40 letters, digits, "_" and "-", a letter or digit first.',
    );
}

/** @throws ClientError `invalid-input` */
export function requireBuildId(build: string): void {
  if (!BUILD.test(build))
    throw new ClientError(
      'invalid-input',
      'a build id has 1 to 63 letters, digits, ".", "_" and "-", a letter or digit first.',
    );
}
