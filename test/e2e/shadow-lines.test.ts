// Needs: the built command line (npm run build), sh. The README's lines for shadows, as they stand there, typed in their order; no server runs.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { openStore } from '../../activities/store/open-store';
import { storeRun } from '../cli/store-run';
import { readTracked } from '../habits/tracked-files';
import { scratchFolder } from './cli';
import { lineThatBegins, shellIn } from './longhaul-in-shell';
import { consoleLines, section } from './readme-text';

jest.setTimeout(180_000);

const documented = consoleLines(section(readTracked('README.md'), 'Shadows: beside a run, without effect'));
const typed: string[] = [];
const project = scratchFolder();
const shell = shellIn(project);

/** Types the line of the README that begins so. */
async function type(beginning: string): Promise<string> {
  const line = lineThatBegins(documented, beginning);
  typed.push(line);
  return (await shell(line)).stdout;
}

test('a run is shadowed, a share of the runs is, and what comes of it is told, as it is written', async () => {
  mkdirSync(path.join(project, 'agents', 'refunds'), { recursive: true });
  writeFileSync(
    path.join(project, 'agents', 'refunds', 'agent.ts'),
    `import { defineAgent } from 'longhaul';
export const refunds = defineAgent({ name: 'refunds', instructions: 'Refund.', tools: [] });
`,
  );
  await shell('longhaul release refunds --name v4');
  const store = openStore(`lmdb:${path.join(project, '.longhaul', 'store')}`, { keys: undefined });
  await storeRun(store, { id: 'run_k2m8', agent: 'refunds' });
  await store.close();
  expect(await type('longhaul shadow run_k2m8')).toMatch(/^wanted +shadow\/run_k2m8\//);
  expect(await type('longhaul shadow refunds --release')).toContain('10 % of the runs that begin from now on');
  expect(await type('longhaul shadow report')).toContain('1 wanted');
  expect(existsSync(path.join(project, 'shadows.html'))).toBe(true);
  expect(await type('longhaul shadow refunds --stop')).toContain('stopped');
});

test('every line was typed', () => {
  expect(documented.filter((line) => !typed.includes(line))).toEqual([]);
});
