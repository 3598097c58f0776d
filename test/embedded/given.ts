// What the tests of the embedded Temporal share.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { findTemporalCli } from '../../infra/temporal/find-cli';

const ROOT = resolve(__dirname, '../..');
const JITI = join(ROOT, 'node_modules/jiti/lib/jiti-cli.mjs');

/** Waits for what happens elsewhere, looking often; fails, saying what was awaited, after a limit that only bounds a hang. */
export async function until(what: string, condition: () => boolean, limitMs = 30_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`gave up waiting until ${what}`);
    await new Promise((next) => setTimeout(next, 20));
  }
}

/** The real CLI, from the project's own cache or fetched into it. */
export async function realCliPath(): Promise<string> {
  return (await findTemporalCli({ env: process.env, cacheDir: join(ROOT, '.longhaul', 'bin') })).path;
}

const folders: string[] = [];

export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-embedded-'));
  folders.push(folder);
  return folder;
}

export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

export interface Program {
  child: ChildProcess;
  /** The next line that it prints. */
  nextLine(): Promise<string>;
  say(line: string): void;
}

/** Runs a TypeScript file of this folder in a process of its own, which ends with its standard input. */
export function startProgram(file: string, args: readonly string[]): Program {
  const command = [JITI, join(__dirname, file), ...args];
  const child = spawn(process.execPath, command, { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => undefined); // it was killed, as some tests do
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    nextLine: async () => {
      const line = await lines.next();
      if (line.done) throw new Error(`${file} ended without a line`);
      return line.value;
    },
    say: (line) => child.stdin.write(`${line}\n`),
  };
}
