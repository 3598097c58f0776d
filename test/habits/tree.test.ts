// Needs: git, and nothing else. What every file of the tree keeps to, and no other tool looks at.
import { readTracked, trackedFiles } from './tracked-files';

const ROOMS = ['agents', 'workflows', 'activities', 'workers', 'client', 'infra', 'test'];
const PAGE_LINES = 60;
const PRODUCT_LINES = 300;
const files = trackedFiles();
const code = files.filter((file) => /\.(ts|mjs|cjs)$/.test(file));
const product = code.filter((file) => !file.startsWith('test/') && !file.endsWith('.test.ts'));

/** Lines as an editor counts them. */
const lines = (file: string): number => readTracked(file).trimEnd().split('\n').length;

/** Where a file says what no reader of the repository should meet, as `file:line`. */
function places(among: string[], pattern: RegExp): string[] {
  return among.flatMap((file) =>
    readTracked(file)
      .split('\n')
      .flatMap((line, at) => (pattern.test(line) ? [`${file}:${at + 1}`] : [])),
  );
}

describe('the tree', () => {
  test.each(ROOMS)('%s has a README of at most a page', (room) => {
    expect(files).toContain(`${room}/README.md`);
    expect(lines(`${room}/README.md`)).toBeLessThanOrEqual(PAGE_LINES);
  });

  test('files of the product stay small', () => {
    expect(product.length).toBeGreaterThan(20);
    expect(product.filter((file) => lines(file) > PRODUCT_LINES)).toEqual([]);
  });

  test('names are kebab-case, and say what is inside', () => {
    const named = code.filter((file) => /^(agents|workflows|activities|workers|client|infra|test)\//.test(file));
    const base = (file: string): string => file.slice(file.lastIndexOf('/') + 1);
    expect(named.filter((file) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)*$/.test(base(file)))).toEqual([]);
    expect(named.filter((file) => /(^|\/)[a-z-]*(utils?|helpers?|misc|manager)([./]|$)/.test(file))).toEqual([]);
  });

  test('no path of a machine, no host of a registry', () => {
    // A lock file may name where packages came from; this repository's does not, and is left to npm.
    const read = files.filter((file) => file !== 'package-lock.json' && !/\.(png|jpg|gz|bin)$/.test(file));
    const machine = /(^|[^a-zA-Z0-9.])\/(work|farm|root)\//;
    const registry = /(registry|files|proxy|repo1?|static|index)\.[a-z0-9-]+\.(org|com|io)\//;
    expect(places(read, machine)).toEqual([]);
    expect(places(read, registry)).toEqual([]);
  });

  test('a test file says first what it needs', () => {
    const tests = code.filter((file) => file.endsWith('.test.ts') && file.startsWith('test/'));
    expect(tests.length).toBeGreaterThan(3);
    expect(tests.filter((file) => !readTracked(file).startsWith('// '))).toEqual([]);
  });
});
