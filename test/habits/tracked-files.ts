import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const TOP = path.join(__dirname, '../..');

/** Paths from the top of what git tracks, and of what it would if it were added now, without what was removed. */
export function trackedFiles(): string[] {
  const options = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const listed = execFileSync('git', options, { cwd: TOP, encoding: 'utf8' });
  return listed.split('\0').filter((file) => file !== '' && existsSync(path.join(TOP, file)));
}

export const readTracked = (file: string): string => readFileSync(path.join(TOP, file), 'utf8');
