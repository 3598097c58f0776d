// Needs: the built command line (npm run build), sh. The README's lines for scores, as they stand there, typed at a run of the store.
import { withStore } from '../cli/given';
import { storeRun } from '../cli/store-run';
import { readTracked } from '../habits/tracked-files';
import { scratchFolder, type Ended } from './cli';
import { lineThatBegins, shellIn } from './longhaul-in-shell';
import { consoleLines, section } from './readme-text';

jest.setTimeout(180_000);

const documented = consoleLines(section(readTracked('README.md'), 'How an agent behaves'));
const typed: string[] = [];
const project = scratchFolder();
const shell = shellIn(project);

beforeAll(() => withStore(project, (store) => storeRun(store, { id: 'ticket-7', agent: 'support' })));

/** Types the line of the README that begins so into a shell. */
async function type(beginning: string): Promise<Ended> {
  const line = lineThatBegins(documented, beginning);
  typed.push(line);
  return await shell(line.replace(/\bRUN\b/, 'ticket-7'));
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
