// Needs: nothing but the tree. Every guarantee of the root README names the test that shows it, and that test exists.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { TOP, readTracked } from './tracked-files';

interface Guarantee {
  fails: string;
  tests: string[];
}

/** Rows of the table under the heading: what fails | what happens | the test that shows it. */
function guarantees(readme: string): Guarantee[] {
  const section = /^#+ [^\n]*guarantee[^\n]*$([\s\S]*?)(?=^#+ |(?![\s\S]))/im.exec(readme)?.[1] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) => {
    const [, fails = '', , shown = ''] = row.split('|').map((cell) => cell.trim());
    return { fails, tests: [...shown.matchAll(/test\/[\w./-]+\.test\.ts/g)].map(([file]) => file) };
  });
}

const listed = guarantees(readTracked('README.md'));

test('the README has a table of guarantees', () => {
  expect(listed.length).toBeGreaterThan(5);
});

test('each guarantee names a test, by its path', () => {
  expect(listed.filter(({ tests }) => tests.length === 0).map(({ fails }) => fails)).toEqual([]);
});

test('each test that is named exists', () => {
  const named = listed.flatMap(({ tests }) => tests);
  expect(named.filter((file) => !existsSync(path.join(TOP, file)))).toEqual([]);
});

test('the reader of the table sees a missing name', () => {
  const readme =
    '# X\n\n## Guarantees\n\n| fails | happens | shown by |\n| - | - | - |\n| a | b | `test/x.test.ts` |\n| c | d | |\n\n## Next\n\n| e | f | g |\n';
  expect(guarantees(readme)).toEqual([
    { fails: 'a', tests: ['test/x.test.ts'] },
    { fails: 'c', tests: [] },
  ]);
});
