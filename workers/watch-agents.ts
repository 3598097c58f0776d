// Notices saved agents, tools and instructions, and what they import from elsewhere.
import { statSync } from 'node:fs';
import path from 'node:path';
import { createFolderWatchers } from './folder-watchers';
import { SOURCE_EXTENSIONS } from './source-loader';

export interface WatchAgentsOptions {
  /** Absolute. It may be made, moved and made again while it is watched. */
  dir: string;
  /** As `loadAgents` returns them: files anywhere that the agents are made from. */
  files: readonly string[];
  /**
   * Called after a change, never while an earlier call is under way.
   * @param changed absolute paths of files and folders, for people
   * @returns the files to follow from now on; the ones before when it returns nothing
   */
  onChange(changed: string[]): Promise<readonly string[] | void>;
  /** A failing `onChange`, or a folder that cannot be watched (on Linux: fs.inotify.max_user_watches is spent). */
  onError(error: unknown): void;
}

export interface AgentsWatch {
  /** Resolves when nothing is watched and no `onChange` is under way; so `onChange` itself must not wait for it. */
  close(): Promise<void>;
}

/** Editors and formatters write a file two or three times in a row, some milliseconds apart. */
const QUIET_MS = 50;
/** A folder that is written to without a pause is reloaded all the same. */
const LONGEST_DELAY_MS = 400;

/** Resolves when everything that exists is watched. */
export async function watchAgents({ dir, onChange, onError, ...options }: WatchAgentsOptions): Promise<AgentsWatch> {
  let files = new Set(options.files);
  const changed = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let firstAt = 0;
  let closed = false;
  let work: Promise<void> = Promise.resolve();

  const seen = (folder: string, name: string | undefined): void => {
    const full = name === undefined ? folder : path.join(folder, name);
    if (closed || !matters(full, dir, files)) return;
    changed.add(full);
    const now = performance.now();
    if (timer === undefined) firstAt = now;
    clearTimeout(timer);
    timer = setTimeout(fire, Math.max(0, Math.min(QUIET_MS, firstAt + LONGEST_DELAY_MS - now)));
  };
  const fire = (): void => {
    timer = undefined;
    work = work.then(reload);
  };
  const reload = async (): Promise<void> => {
    if (closed) return;
    const paths = [...changed].sort();
    changed.clear();
    try {
      // Before, so that a change while the agents load is noticed; and after, for what they now import.
      await follow();
      const now = await onChange(paths);
      if (!now) return;
      files = new Set(now);
      await follow();
    } catch (error) {
      onError(error);
    }
  };

  const watchers = createFolderWatchers({ onEvent: seen, onError, isIgnored });
  const follow = (): Promise<void> =>
    watchers.follow(
      dir,
      [...files].map((file) => path.dirname(file)),
    );
  await follow();
  return {
    async close() {
      closed = true;
      clearTimeout(timer);
      watchers.close();
      await work;
    },
  };
}

function matters(full: string, dir: string, files: ReadonlySet<string>): boolean {
  // The folder of agents itself, or one above it, was made or moved.
  if (files.has(full) || isInside(dir, full)) return true;
  if (!isInside(full, dir) || path.relative(dir, full).split(path.sep).some(isIgnored)) return false;
  // Other files are what tools write, unless an agent is made from them. No extension: a folder that is gone, maybe.
  if (['', ...SOURCE_EXTENSIONS, '.md', '.json'].includes(path.extname(full))) return true;
  return statSync(full, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

const isInside = (full: string, folder: string): boolean => full === folder || full.startsWith(folder + path.sep);

/** Version control, packages, state, and the swap files of editors. */
const isIgnored = (name: string): boolean => name.startsWith('.') || name === 'node_modules' || name.endsWith('~');
