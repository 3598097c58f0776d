import { existsSync } from 'node:fs';
import path from 'node:path';

const CONFIG_FILES = ['ts', 'mts', 'js', 'mjs', 'cjs'].map((extension) => `longhaul.config.${extension}`);
const PROJECT_MARKS = ['package.json', '.git'];

export interface Project {
  /** Absolute: the folder of the configuration file, or of the project without one. */
  folder: string;
  configFile?: string;
}

/** Looks upward from `cwd`, no further than the first folder that is a project; without any, `cwd` is one. */
export function findProject(cwd: string): Project {
  const start = path.resolve(cwd);
  for (let folder = start; ; folder = path.dirname(folder)) {
    const configFile = CONFIG_FILES.map((name) => path.join(folder, name)).find((file) => existsSync(file));
    if (configFile !== undefined) return { folder, configFile };
    if (PROJECT_MARKS.some((mark) => existsSync(path.join(folder, mark)))) return { folder };
    if (path.dirname(folder) === folder) return { folder: start };
  }
}
