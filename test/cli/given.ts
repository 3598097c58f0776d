// What tests of the command line share: a project in a scratch folder, and streams that keep what is written.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ContentStore } from '../../activities/store';
import { createContext, type CliContext } from '../../client/cli/context';
import { createOutput, type OutputStream } from '../../client/cli/output';
import { loadSettings } from '../../workers/config';

export interface KeptStream extends OutputStream {
  text(): string;
}

export function keptStream(terminal?: { columns: number }): KeptStream {
  const written: string[] = [];
  return {
    write: (text) => written.push(text),
    text: () => written.join(''),
    ...(terminal ? { isTTY: true, columns: terminal.columns } : {}),
  };
}

export interface TestProject {
  readonly dir: string;
  remove(): void;
}

export function testProject(): TestProject {
  const dir = realpathSync(mkdtempSync(path.join(tmpdir(), 'longhaul-cli-')));
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

export interface Told {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command as main.ts does, in a project without a server. */
export async function told(
  dir: string,
  command: (context: CliContext) => Promise<number>,
  options: { json?: boolean; env?: { [name: string]: string } } = {},
): Promise<Told> {
  const [stdout, stderr] = [keptStream(), keptStream()];
  const env = { TEMPORAL_CONFIG_FILE: '', ...options.env };
  const output = createOutput({ stdout, stderr, json: options.json ?? false, env: {} });
  const context = createContext({ settings: await loadSettings({ cwd: dir, env }), output, env, cwd: dir });
  try {
    return { code: await command(context), stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    await context.close();
  }
}

export async function withStore<T>(dir: string, work: (store: ContentStore) => Promise<T>): Promise<T> {
  const output = createOutput({ stdout: keptStream(), stderr: keptStream(), json: false, env: {} });
  const context = createContext({ settings: await loadSettings({ cwd: dir, env: {} }), output, env: {}, cwd: dir });
  try {
    return await work(context.openStore());
  } finally {
    await context.close();
  }
}
