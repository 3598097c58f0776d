// A downloaded binary is used only if its bytes are the pinned ones, and only as a whole.
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { chmod, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

const INCOMING_PREFIX = '.incoming-';
/** Longer than any download that has not stalled: an older folder belongs to a process that was killed. */
const ABANDONED_AFTER_MS = 60 * 60 * 1000;

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  // A megabyte at a time: some 0.2 s for the 156 MB of the CLI, paid at each start from the cache.
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Runs `work` with a fresh folder inside `cacheDir`, on the same file system so that a rename is atomic; then removes it. */
export async function withIncomingFolder<T>(cacheDir: string, work: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(cacheDir, { recursive: true });
  await removeAbandoned(cacheDir);
  const folder = join(cacheDir, `${INCOMING_PREFIX}${process.pid}-${randomBytes(4).toString('hex')}`);
  await mkdir(folder);
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function removeAbandoned(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    if (!name.startsWith(INCOMING_PREFIX)) continue;
    const path = join(cacheDir, name);
    const age = await stat(path).then(
      (stats) => Date.now() - stats.mtimeMs,
      () => 0,
    );
    if (age > ABANDONED_AFTER_MS) await rm(path, { recursive: true, force: true });
  }
}

/**
 * Moves a binary into place if its hash is the expected one; throws, and leaves the place as it was, if not.
 * Two processes that do this at once both succeed: each renames the same bytes over the same name.
 */
export async function installVerified(binary: string, target: string, expectedSha256: string): Promise<void> {
  if (!existsSync(binary)) throw new Error('what arrived holds no `temporal` binary');
  const actual = await sha256OfFile(binary);
  if (actual !== expectedSha256) {
    throw new Error(`refused: the SHA-256 of the binary is ${actual}, and ${expectedSha256} is pinned`);
  }
  await chmod(binary, 0o755);
  // Without this a power loss after the rename could leave the name with half of the bytes.
  const file = await open(binary, 'r');
  await file.sync().finally(() => file.close());
  await rename(binary, target);
}
