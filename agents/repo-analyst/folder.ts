// Confinement: every path that a model names is resolved here, and nothing outside the run's folder is opened.
import { constants } from 'node:fs';
import { lstat, open, realpath, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { ToolRejection } from 'longhaul';

/** Absolute, with every link resolved. */
export type Root = string;

/**
 * The folder of the run's input.
 * @throws ToolRejection when it is not an absolute path of a folder that can be read
 */
export async function openRoot(dir: string): Promise<Root> {
  if (!path.isAbsolute(dir)) throw new ToolRejection(`The folder "${dir}" is not an absolute path.`);
  try {
    const root = await realpath(dir);
    if (!(await stat(root)).isDirectory()) throw new ToolRejection(`"${dir}" is a file, not a folder.`);
    return root;
  } catch (error) {
    throw asRejection(error, `The folder "${dir}"`);
  }
}

/**
 * The real path behind `relative`, links followed.
 * @throws ToolRejection when it is absolute, leads out of the folder, or is not there
 */
export async function resolveInside(root: Root, relative: string): Promise<string> {
  if (relative.includes('\0')) throw new ToolRejection('A path cannot hold a NUL character.');
  if (path.isAbsolute(relative) || path.win32.isAbsolute(relative)) {
    throw new ToolRejection(
      `"${relative}" is an absolute path. Paths are relative to the folder, as list_files shows them.`,
    );
  }
  const wanted = path.resolve(root, relative);
  if (!isInside(root, wanted)) {
    throw new ToolRejection(`"${relative}" leads out of the folder. Only what is inside it can be read.`);
  }
  let real: string;
  try {
    real = await realpath(wanted);
  } catch (error) {
    throw asRejection(error, `"${relative}"`);
  }
  if (!isInside(root, real)) {
    throw new ToolRejection(`"${relative}" is a link that leads out of the folder, and is not followed.`);
  }
  return real;
}

/**
 * Opens a regular file inside the folder for reading. The caller closes it.
 * @throws ToolRejection when it may not or cannot be read
 */
export async function openInside(root: Root, relative: string): Promise<FileHandle> {
  const real = await resolveInside(root, relative);
  let file: FileHandle;
  try {
    // Without O_NONBLOCK, opening a named pipe would wait for ever for its writer.
    file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw asRejection(error, `"${relative}"`);
  }
  try {
    const opened = await file.stat();
    if (opened.isDirectory()) throw new ToolRejection(`"${relative}" is a folder. list_files shows what is in it.`);
    if (!opened.isFile()) throw new ToolRejection(`"${relative}" is not a regular file.`);
    // A folder on the way may have been swapped for a link since it was resolved: what was opened must still be what lies there.
    const again = await resolveInside(root, relative);
    const there = await lstat(again);
    if (there.ino !== opened.ino || there.dev !== opened.dev) {
      throw new ToolRejection(`"${relative}" was replaced while it was being opened. Try again.`);
    }
    return file;
  } catch (error) {
    await file.close();
    throw asRejection(error, `"${relative}"`);
  }
}

const isInside = (root: Root, candidate: string): boolean =>
  candidate === root || candidate.startsWith(root.endsWith(path.sep) ? root : root + path.sep);

const REASONS: { [code: string]: string } = {
  ENOENT: 'is not there',
  ENOTDIR: 'is not there: a part of its path is a file',
  EACCES: 'cannot be read: permission denied',
  EPERM: 'cannot be read: permission denied',
  ELOOP: 'is a link that leads in a circle',
  ENAMETOOLONG: 'is longer than a path can be',
  EISDIR: 'is a folder. list_files shows what is in it',
  ENXIO: 'is not a regular file',
};

/** The code of a file system error, or undefined for any other. By its shape: under a test runner, Node's errors are of another realm's class. */
export const errorCode = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;

/** What the model can do something about becomes a rejection; the rest stays an error, and is retried. */
function asRejection(error: unknown, what: string): unknown {
  const reason = REASONS[errorCode(error) ?? ''];
  return reason === undefined ? error : new ToolRejection(`${what} ${reason}.`);
}
