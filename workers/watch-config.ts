// Notices that the configuration is another than the one that this process has read: who decides, which rules hold and which models there
// are is read at the start, once.
import { readFileSync, watch, type FSWatcher } from 'node:fs';
import { findProject } from './find-project';

/** Editors write a file two or three times in a row, and may have none in between. */
const QUIET_MS = 200;

/**
 * Files that the configuration imports are not followed.
 * @param project folder of the configuration file, or where one would be
 * @param options.onChange told once for each content that is not that of the start
 * @param options.onError the folder cannot be watched
 */
export function watchConfig(
  project: string,
  { onChange, onError }: { onChange(): void; onError(error: unknown): void },
): { close(): void } {
  const start = contentOf(project);
  let seen = start;
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    const now = contentOf(project);
    const isNew = now !== seen && now !== start;
    seen = now;
    if (isNew) onChange();
  };
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(project, (_, name) => {
      if (name !== null && !name.startsWith('longhaul.config.')) return;
      clearTimeout(timer);
      timer = setTimeout(look, QUIET_MS);
    });
    watcher.on('error', onError);
  } catch (error) {
    onError(error);
  }
  return {
    close() {
      clearTimeout(timer);
      watcher?.close();
    },
  };
}

function contentOf(project: string): string | undefined {
  const { configFile } = findProject(project);
  try {
    return configFile === undefined ? undefined : readFileSync(configFile, 'utf8');
  } catch {
    return undefined;
  }
}
