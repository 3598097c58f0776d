// Where a project keeps its runs, for a caller that reads no configuration file. The same rule as the workers' (workers/find-project.ts),
// which callers must not import; test/cli/connect.test.ts holds the two together.
import { existsSync } from 'node:fs';
import path from 'node:path';

const CONFIG_FILES = ['ts', 'mts', 'js', 'mjs', 'cjs'].map((extension) => `longhaul.config.${extension}`);
const PROJECT_MARKS = ['package.json', '.git'];

/** `.longhaul` of the nearest folder upward that is a project; of `cwd` where none is. Absolute. */
export function projectStateDir(cwd: string): string {
  const start = path.resolve(cwd);
  for (let folder = start; ; folder = path.dirname(folder)) {
    const isProject = [...CONFIG_FILES, ...PROJECT_MARKS].some((name) => existsSync(path.join(folder, name)));
    if (isProject) return path.join(folder, '.longhaul');
    if (path.dirname(folder) === folder) return path.join(start, '.longhaul');
  }
}
