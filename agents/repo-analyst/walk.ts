// Which files of a folder count: everything a person wrote, nothing that a program made from it.
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { ToolRejection } from 'longhaul';
import { resolveInside, type Root } from './folder';

/** Made by programs, in folders of any kind: version control, dependencies, caches, builds. */
const IGNORED_FOLDERS = new Set(
  (
    '.git .hg .svn .jj node_modules bower_components jspm_packages dist .longhaul .venv __pycache__ .tox .mypy_cache .pytest_cache ' +
    '.ruff_cache .next .nuxt .svelte-kit .turbo .parcel-cache .cache .gradle .terraform .idea .vscode-test coverage .nyc_output'
  ).split(' '),
);
/** A folder that holds one of these was made by a program, which says so. */
const GENERATED_MARKS = ['CACHEDIR.TAG', 'pyvenv.cfg'];
const GENERATED_FILE =
  /^(package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|bun\.lock|Cargo\.lock|poetry\.lock|uv\.lock|composer\.lock|Gemfile\.lock|go\.sum|\.DS_Store)$|\.min\.(js|css)$|\.map$|\.tsbuildinfo$/;
/** What is read goes to a model, which may be somebody else's: keys stay at home. */
const SECRET_FILE =
  /^(\.env|\.netrc|\.pgpass|id_(rsa|dsa|ecdsa|ed25519))$|^\.env\.(?!example$|sample$|template$)|\.(pem|p12|pfx|jks|keystore)$/;

/** Beyond this a walk is no longer an answer to a question but a copy of a disk. */
export const MAX_FILES = 20_000;
const MAX_DEPTH = 32;

export interface LeftOut {
  /** Folders that programs made, not entered. */
  ignoredFolders: number;
  /** Lock files, minified code and the like. */
  generatedFiles: number;
  /** Files that usually hold keys. */
  secretFiles: number;
  /** Links are not followed: what they lead to inside the folder is listed where it lies. */
  links: number;
  unreadable: number;
  /** Folders not entered because the walk had reached its limit of files or depth. */
  beyondLimit: number;
}

export interface Walk {
  /** Relative, with `/`; shallow ones first, then by name. */
  files: string[];
  leftOut: LeftOut;
}

export const isSecretFile = (file: string): boolean => SECRET_FILE.test(path.basename(file));

/** @param under a folder inside the root, relative */
export async function walk(root: Root, under: string, signal: AbortSignal): Promise<Walk> {
  const start = await resolveInside(root, under);
  const leftOut = { ignoredFolders: 0, generatedFiles: 0, secretFiles: 0, links: 0, unreadable: 0, beyondLimit: 0 };
  const found: Walk = { files: [], leftOut };
  let level = [path.relative(root, start)];
  for (let depth = 0; level.length > 0; depth += 1) {
    const next: string[] = [];
    for (const folder of level) {
      signal.throwIfAborted();
      if (depth > MAX_DEPTH || found.files.length >= MAX_FILES) leftOut.beyondLimit += 1;
      else next.push(...(await walkFolder(root, folder, found, depth === 0)));
    }
    level = next;
  }
  return found;
}

/** Adds the folder's files and answers its folders. */
async function walkFolder(root: Root, folder: string, { files, leftOut }: Walk, isStart: boolean): Promise<string[]> {
  let entries: Dirent[];
  try {
    entries = await readdir(path.join(root, folder), { withFileTypes: true });
  } catch {
    if (isStart) throw new ToolRejection(`"${folder || '.'}" is not a folder that can be listed.`);
    leftOut.unreadable += 1;
    return [];
  }
  if (!isStart && entries.some((entry) => GENERATED_MARKS.includes(entry.name))) {
    leftOut.ignoredFolders += 1;
    return [];
  }
  const folders: string[] = [];
  // By code unit, not by locale: the same folder must list the same everywhere.
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const relative = folder === '' ? entry.name : `${folder.split(path.sep).join('/')}/${entry.name}`;
    if (entry.isSymbolicLink()) leftOut.links += 1;
    else if (entry.isDirectory()) {
      if (IGNORED_FOLDERS.has(entry.name)) leftOut.ignoredFolders += 1;
      else folders.push(relative);
    } else if (!entry.isFile()) continue;
    else if (isSecretFile(entry.name)) leftOut.secretFiles += 1;
    else if (GENERATED_FILE.test(entry.name)) leftOut.generatedFiles += 1;
    else files.push(relative);
  }
  return folders;
}
