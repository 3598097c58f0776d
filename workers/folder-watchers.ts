// A watcher a folder, none a file: one of a file follows the old file when an editor saves by renaming, and Node's own recursive
// watcher on Linux is made of those.
import { existsSync, statSync, watch, type FSWatcher } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { codeOf } from '../infra/temporal/error-reason';

export interface FolderWatchers {
  /** Watches the tree and the single folders from now on, and nothing else. What does not exist is waited for. */
  follow(tree: string, folders: Iterable<string>): Promise<void>;
  close(): void;
}

/** @param options.isIgnored by a folder's own name: it is not entered */
export function createFolderWatchers(options: {
  /** @param name undefined where a system does not say it */
  onEvent(folder: string, name: string | undefined): void;
  /** A folder cannot be watched (on Linux: fs.inotify.max_user_watches is spent). */
  onError(error: unknown): void;
  isIgnored(name: string): boolean;
}): FolderWatchers {
  const watchers = new Map<string, { watcher: FSWatcher; folderId: string }>();
  let closed = false;

  const drop = (folder: string): void => {
    watchers.get(folder)?.watcher.close();
    watchers.delete(folder);
  };
  const add = (folder: string): void => {
    if (closed) return;
    try {
      const folderId = idOf(folder);
      if (watchers.get(folder)?.folderId === folderId) return;
      drop(folder);
      const watcher = watch(folder, (_, name) => options.onEvent(folder, name ?? undefined));
      watcher.on('error', () => drop(folder));
      watchers.set(folder, { watcher, folderId });
    } catch (error) {
      // Gone since it was listed: its parent has told so, or will.
      if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) options.onError(error);
    }
  };
  /** Watches first and lists afterwards, so that what is made in between is in one of the two. */
  const addTree = async (folder: string, wanted: Set<string>): Promise<void> => {
    wanted.add(folder);
    add(folder);
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (entry.isDirectory() && !options.isIgnored(entry.name)) await addTree(path.join(folder, entry.name), wanted);
    }
  };

  return {
    async follow(tree, folders) {
      const wanted = new Set([tree, ...folders].map(nearest));
      for (const folder of wanted) add(folder);
      if (wanted.has(tree)) await addTree(tree, wanted);
      for (const folder of [...watchers.keys()]) if (!wanted.has(folder)) drop(folder);
    },
    close() {
      closed = true;
      for (const folder of [...watchers.keys()]) drop(folder);
    },
  };
}

/** Removed or moved away and made again, a folder has the same path, maybe the same inode, and a watcher that hears nothing of it. */
function idOf(folder: string): string {
  const { dev, ino, birthtimeMs } = statSync(folder);
  return `${dev}:${ino}:${birthtimeMs}`;
}

/** The folder itself, or what is there of the way to it: that one tells when the next part is made. */
function nearest(folder: string): string {
  for (let at = folder; ; at = path.dirname(at)) if (existsSync(at) || path.dirname(at) === at) return at;
}
