// Needs: the built command line (npm run build), sh. The README's lines for scores, as they stand there, typed at a run of the store.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { withStore } from '../cli/given';
import { storeRun } from '../cli/store-run';
import { readTracked } from '../habits/tracked-files';
import { CLI, scratchFolder, start, type Ended } from './cli';
import { consoleLines, section } from './readme-text';

jest.setTimeout(180_000);

const documented = consoleLines(section(readTracked('README.md'), 'How an agent behaves'));
const typed: string[] = [];
const project = scratchFolder();
const bin = path.join(project, 'bin');

beforeAll(async () => {
  mkdirSync(bin);
  const longhaul = path.join(bin, 'longhaul');
  writeFileSync(longhaul, `#!/bin/sh\nexec "${process.execPath}" "${CLI}" "$@"\n`);
  chmodSync(longhaul, 0o755);
  await withStore(project, (store) => storeRun(store, { id: 'ticket-7', agent: 'support' }));
});

/** Types the line of the README that begins so into a shell. */
async function type(beginning: string): Promise<Ended> {
  const [line, ...others] = documented.filter((each) => each.startsWith(beginning));
  if (line === undefined || others.length > 0)
    throw new Error(`one line of the README must begin "${beginning}": ${documented.join('\n')}`);
  typed.push(line);
  const env = { PATH: [bin, process.env['PATH']].join(path.delimiter) };
  const ended = await (await start('sh', ['-c', line.replace(/\bRUN\b/, 'ticket-7')], { cwd: project, env })).ended;
  expect({ line, ...ended }).toMatchObject({ line, code: 0 });
  return ended;
}

test('runs and calls are scored, found and summed up as it is written', async () => {
  expect((await type('longhaul score RUN helpful=0.8')).stdout).toContain('helpful 0.8 by alice: cites both files');
  expect((await type('longhaul score RUN cites=4')).stdout).toContain(
    'cites 4 (1 to 5) of call 3 by gpt-judge (judge)',
  );
  expect((await type('longhaul scores --agent')).stderr).toContain('no score fits');
  const summed = await type('longhaul scores --by release');
  expect(summed.stdout).toMatch(/ support +helpful +1 +1 +0\.8 /);
  expect(summed.stdout).toMatch(/ support +tone .*polite 1$/m);
});

test('every line was typed', () => {
  expect(documented.filter((line) => !typed.includes(line))).toEqual([]);
});
