// What of this process's environment the process of a toolbox is given: a list of what may be there, because one of what may not would
// miss the next secret.
import { existsSync } from 'node:fs';
import path from 'node:path';

/**
 * What Node and the system's libraries read: where programs, the home and temporary files are, time zone, language, and certificates of
 * one's own. No NODE_OPTIONS, which could load code, and no proxies, whose addresses hold passwords.
 */
const PASSED = [
  'PATH',
  'HOME',
  'TMPDIR',
  'TZ',
  'LANG',
  'LC_ALL',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
];

/** @param read an environment variable of this process, or undefined when unset or empty */
export function toolboxEnvironment(
  secrets: readonly string[],
  read: (name: string) => string | undefined,
): { [name: string]: string } {
  const named = [...PASSED, ...secrets].map((name): [string, string | undefined] => [name, read(name)]);
  return Object.fromEntries(named.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

/** Secrets that are not set here. */
export const missingSecrets = (secrets: readonly string[], read: (name: string) => string | undefined): string[] =>
  secrets.filter((name) => read(name) === undefined);

const BUILT = 'toolbox-process.js';

/** A program for plain Node: where this runs from source, as in tests, it is that of the build. */
export function toolboxProgram(): string {
  const beside = path.join(__dirname, BUILT);
  return existsSync(beside) ? beside : path.join(__dirname, '..', '..', 'dist', 'workers', 'toolbox', BUILT);
}
