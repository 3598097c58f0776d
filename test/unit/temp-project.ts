// A project of a user, in a folder of its own, for tests of what reads one from the disk.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Settings } from '../../workers/config';

const TOP = path.join(__dirname, '../..');

export interface TempProject {
  /** Absolute, without links. */
  folder: string;
  /** @returns the absolute path of the file */
  write(name: string, text: string): string;
  remove(): void;
}

/** @param options.installed whether `zod` resolves from the project */
export function tempProject(
  files: { [name: string]: string } = {},
  options: { installed?: boolean } = {},
): TempProject {
  const folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'longhaul-test-')));
  const write = (name: string, text: string): string => {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  };
  if (options.installed ?? true) {
    mkdirSync(path.join(folder, 'node_modules'));
    symlinkSync(path.join(TOP, 'node_modules/zod'), path.join(folder, 'node_modules/zod'));
  }
  for (const [name, text] of Object.entries(files)) write(name, text);
  return { folder, write, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export const settingsFor = (folder: string): Pick<Settings, 'models' | 'providers' | 'stateDir' | 'approvals'> => ({
  approvals: [],
  stateDir: path.join(folder, '.longhaul'),
  models: { default: ['demo/extractive'], smart: ['openai/gpt-5-mini', 'openai/gpt-5-nano'] },
  providers: [{ name: 'openai', keyFrom: 'OPENAI_API_KEY', api: 'responses' }],
});

/** The text of an agent's file. */
export const agentText = (name: string, more = ''): string => `
import { defineAgent } from 'longhaul';
export const agent = defineAgent({ name: '${name}', instructions: 'Answer.', ${more} });
`;
