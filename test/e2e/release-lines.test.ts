// Needs: the built command line (npm run build), sh. The README's lines for releases, as they stand there, typed in their order; no server runs.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readTracked } from '../habits/tracked-files';
import { scratchFolder } from './cli';
import { lineThatBegins, shellIn } from './longhaul-in-shell';
import { consoleLines, section } from './readme-text';

jest.setTimeout(180_000);

// Those of rollouts need a server.
const documented = consoleLines(section(readTracked('README.md'), 'Releases and rollouts')).filter(
  (line) => !/^longhaul rollouts? /.test(line),
);
const typed: string[] = [];
const project = scratchFolder();
const shell = shellIn(project);
mkdirSync(path.join(project, 'agents', 'refunds'), { recursive: true });

const instruct = (instructions: string): void =>
  writeFileSync(
    path.join(project, 'agents', 'refunds', 'agent.ts'),
    `import { defineAgent } from 'longhaul';
export const refunds = defineAgent({ name: 'refunds', instructions: '${instructions}', tools: [] });
`,
  );

/** Types the line of the README that begins so. */
async function type(beginning: string): Promise<string> {
  const line = lineThatBegins(documented, beginning);
  typed.push(line);
  return (await shell(line)).stdout;
}

test('a release is made, compared, taken and gone back from as it is written', async () => {
  instruct('Refund what is asked for.');
  await shell('longhaul release refunds --name v2');
  instruct('Ask for the receipt.');
  expect(await type('longhaul release refunds --name v3')).toContain('v3');
  const different = await type('longhaul releases diff');
  expect(different).toMatch(/^\s*- ?Refund what is asked for\.$/m);
  expect(different).toMatch(/^\s*\+ ?Ask for the receipt\.$/m);
  expect(await type('longhaul release refunds --take')).toContain('v3');
  expect(await type('longhaul rollback')).toContain('new runs take release v2');
  expect(await type('longhaul traffic')).toContain('refuses every receipt');
});

test('every line was typed', () => {
  expect(documented.filter((line) => !typed.includes(line))).toEqual([]);
});
