// Lines of the README are typed into a shell that has `longhaul` on its PATH, as somebody has who installed it.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CLI, start, type Ended } from './cli';

/** The one of the README's lines that begins so. @throws Error where none does, or several do */
export function lineThatBegins(documented: readonly string[], beginning: string): string {
  const [line, ...others] = documented.filter((each) => each.startsWith(beginning));
  if (line !== undefined && others.length === 0) return line;
  throw new Error(`one line of the README must begin "${beginning}": ${documented.join('\n')}`);
}

/**
 * @param more variables of the shell's environment
 * @returns what types a line, in the project's folder: it must end with 0
 */
export function shellIn(project: string, more: { [name: string]: string } = {}): (line: string) => Promise<Ended> {
  const bin = path.join(project, 'bin');
  mkdirSync(bin);
  const longhaul = path.join(bin, 'longhaul');
  writeFileSync(longhaul, `#!/bin/sh\nexec "${process.execPath}" "${CLI}" "$@"\n`);
  chmodSync(longhaul, 0o755);
  const env = { PATH: [bin, process.env['PATH']].join(path.delimiter), ...more };
  return async (line) => {
    const ended = await (await start('sh', ['-c', line], { cwd: project, env })).ended;
    expect({ line, ...ended }).toMatchObject({ line, code: 0 });
    return ended;
  };
}
