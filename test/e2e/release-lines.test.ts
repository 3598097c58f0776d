// Needs: the built command line (npm run build), sh. The README's lines for releases, as they stand there, typed in their order; no server runs.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readTracked } from '../habits/tracked-files';
import { CLI, scratchFolder, start, type Ended } from './cli';
import { consoleLines, section } from './readme-text';

jest.setTimeout(180_000);

const documented = consoleLines(section(readTracked('README.md'), 'Releases and rollouts'));
const typed: string[] = [];
const project = scratchFolder();
const bin = path.join(project, 'bin');

beforeAll(() => {
  mkdirSync(bin);
  const longhaul = path.join(bin, 'longhaul');
  writeFileSync(longhaul, `#!/bin/sh\nexec "${process.execPath}" "${CLI}" "$@"\n`);
  chmodSync(longhaul, 0o755);
  mkdirSync(path.join(project, 'agents', 'refunds'), { recursive: true });
});

const instruct = (instructions: string): void =>
  writeFileSync(
    path.join(project, 'agents', 'refunds', 'agent.ts'),
    `import { defineAgent } from 'longhaul';
export const refunds = defineAgent({ name: 'refunds', instructions: '${instructions}', tools: [] });
`,
  );

async function shell(line: string): Promise<Ended> {
  const env = { PATH: [bin, process.env['PATH']].join(path.delimiter) };
  const ended = await (await start('sh', ['-c', line], { cwd: project, env })).ended;
  expect({ line, ...ended }).toMatchObject({ line, code: 0 });
  return ended;
}

/** Types the line of the README that begins so. */
async function type(beginning: string): Promise<string> {
  const [line, ...others] = documented.filter((each) => each.startsWith(beginning));
  if (line === undefined || others.length > 0)
    throw new Error(`one line of the README must begin "${beginning}": ${documented.join('\n')}`);
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
