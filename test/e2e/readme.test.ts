// Needs: the built package (npm run build), git, npm, sh, a Temporal CLI, free ports. What the READMEs tell a reader to type, to write and
// to open: typed here or by a test that is named here, accepted by the compiler, and there.
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { newFiles } from '../../client/cli/init-files';
import { citationFault, citationsIn } from '../e2e-demo/direct-run';
import { readTracked, trackedFiles } from '../habits/tracked-files';
import { TOP, cli, scratchFolder, start } from './cli';
import { codeBlocks, consoleLines, section } from './readme-text';

/** A server, or a compiler, beside whatever else the machine does. */
jest.setTimeout(180_000);

const scratch = scratchFolder();
const readme = readTracked('README.md');
const documents = trackedFiles().filter((file) => file.endsWith('.md'));
const { name, version, scripts } = JSON.parse(readTracked('package.json')) as {
  name: string;
  version: string;
  scripts: Record<string, string>;
};

describe('every command of the README is run', () => {
  const HERE = 'npm ci && npm start -- "where are retries decided?" --dir workflows';
  /** What is run elsewhere: by what, where that file has it, and why not here. */
  const ELSEWHERE: { line: string | RegExp; file: string; has: RegExp; because: string }[] = [
    {
      line: 'npm ci && npm test',
      file: '.ci/run',
      has: /'npm ci && npm test' README\.md/,
      because: 'it is the run of the tests, this one included',
    },
    {
      line: `npm install ../${name}/${name}-${version}.tgz`,
      file: 'test/e2e/package.test.ts',
      has: /'npm', 'i', tarball\(\)/,
      because: 'an empty folder is filled once for all that is tried in it',
    },
    ...[
      { line: 'npx longhaul init', has: /'npx', 'longhaul', 'init'\)/ },
      { line: 'npm test', has: /project, 'npm', 'test'\)/ },
      { line: 'npx longhaul run hello', has: /'npx', 'longhaul', 'run', 'hello'\)/ },
    ].map((each) => ({ ...each, file: 'test/e2e/package.test.ts', because: 'it goes on in that folder' })),
    {
      line: /^longhaul (fork|diff) /,
      file: 'test/e2e/fork-lines.test.ts',
      has: /documented\.filter\(\(line\) => !typed\.includes\(line\)\)/,
      because: 'it takes them from the README itself, and leaves none out',
    },
    {
      line: /^longhaul (releases?|rollback|traffic) /,
      file: 'test/e2e/release-lines.test.ts',
      has: /documented\.filter\(\(line\) => !typed\.includes\(line\)\)/,
      because: 'it takes them from the README itself, and leaves none out',
    },
    {
      line: /^longhaul rollouts? /,
      file: 'test/e2e/rollout-lines.test.ts',
      has: /documented\.filter\(\(line\) => !typed\.includes\(line\)\)/,
      because: 'it takes them from the README itself, and leaves none out',
    },
    {
      line: /^longhaul shadow /,
      file: 'test/e2e/shadow-lines.test.ts',
      has: /documented\.filter\(\(line\) => !typed\.includes\(line\)\)/,
      because: 'it takes them from the README itself, and leaves none out',
    },
    {
      line: /^longhaul scores? /,
      file: 'test/e2e/score-lines.test.ts',
      has: /documented\.filter\(\(line\) => !typed\.includes\(line\)\)/,
      because: 'it takes them from the README itself, and leaves none out',
    },
    {
      line: /^curl /,
      file: 'test/e2e/http-lines.test.ts',
      has: /documented\.filter\(\(line\) => !typed\.includes\(line\)\)/,
      because: 'it takes them from the README itself, and leaves none out',
    },
    {
      line: /^temporal /,
      file: 'test/e2e/temporal-lines.test.ts',
      has: /documented\.filter\(\(line\) => !typed\.has\(line\)\)/,
      because: 'it takes them from the README itself, and leaves none out',
    },
  ];
  const lines = consoleLines(readme);
  const fits = (line: string, known: string | RegExp): boolean =>
    typeof known === 'string' ? known === line : known.test(line);

  test('no line is unknown, and none is known that is gone', () => {
    const known = [HERE, ...ELSEWHERE.map(({ line }) => line)];
    expect(lines.filter((line) => known.filter((each) => fits(line, each)).length !== 1)).toEqual([]);
    expect(known.filter((each) => !lines.some((line) => fits(line, each)))).toEqual([]);
    expect(new Set(lines).size).toBe(lines.length);
  });

  test.each(ELSEWHERE)('$line is run by $file: $because', ({ file, has }) => {
    expect(trackedFiles()).toContain(file);
    expect(readTracked(file)).toMatch(has);
  });

  test('npm start answers a question about a folder, and what it cites is there', async () => {
    const state = path.join(scratch, 'state');
    // What was fetched stays: the tests run from it.
    const line = HERE.replace('npm ci && ', '');
    const run = await start('sh', ['-c', `exec ${line}`], { cwd: TOP, env: { LONGHAUL_STATE_DIR: state } });
    const { code, stdout, stderr } = await run.ended;
    expect({ code, said: stderr }).toMatchObject({ code: 0, said: expect.stringMatching(/^completed {2}/m) as string });
    expect(stderr).toMatch(/^model {2}demo \(no language model/m);
    const citations = citationsIn(stdout);
    expect(citations.length).toBeGreaterThan(0);
    const folder = path.join(TOP, /--dir (\S+)/.exec(line)?.[1] ?? 'none');
    for (const citation of citations) expect(await citationFault(folder, citation)).toBeUndefined();
    expect(readdirSync(path.join(state, 'reports'))).toHaveLength(1);
  });
});

describe('what the READMEs name is there', () => {
  /** Of a user's project, or made. */
  const NOT_OURS = [
    'longhaul.config.ts',
    'agents/orders/agent.ts',
    'agents/orders/agent.test.ts',
    'dist/workflow-bundle.js',
  ];
  const files = trackedFiles();

  test.each(documents)('%s: scripts of npm, programs of Node, links, files', (document) => {
    const text = readTracked(document);
    const missing = (pattern: RegExp, isThere: (found: string) => boolean): string[] =>
      [...text.matchAll(pattern)].map(([, found = '']) => found).filter((found) => !isThere(found));
    const inTop = (file: string): boolean => existsSync(path.join(TOP, file));
    const beside = (link: string): boolean =>
      existsSync(path.join(TOP, path.dirname(document), link.replace(/#.*$/, '')));

    expect(missing(/\bnpm run ([\w:-]+)/g, (script) => script in scripts)).toEqual([]);
    expect(missing(/`(?:node|jest|npx jest -c) ([\w./-]+\.[cm]?js)\b/g, inTop)).toEqual([]);
    expect(missing(/\]\((?!\w+:)([^)\s]+)\)/g, beside)).toEqual([]);
    // A file may be named by the end of its path, in a README that says where it lives.
    const named = (file: string): boolean => files.some((each) => `/${each}`.endsWith(`/${file}`));
    expect(
      missing(/`(\w[\w./-]*\.(?:[cm]?[jt]s|md|jsonc?))`/g, (file) => NOT_OURS.includes(file) || named(file)),
    ).toEqual([]);
  });

  test('npm start and npm test are scripts too', () =>
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(['start', 'test'])));

  test('the table of commands has those there are, and no other', async () => {
    const cells = section(readme, 'Commands').matchAll(/^\| (`.*?`) +\|/gm);
    const listed = [...cells].flatMap(([, cell = '']) => [...cell.matchAll(/`(?:longhaul )?([a-z-]+)/g)]);
    const { stdout } = await cli(['--help'], { cwd: scratch });
    const offered = [...stdout.slice(stdout.indexOf('Commands:')).matchAll(/^ {2}([a-z-]+) /gm)];
    const names = (found: RegExpExecArray[]): string[] => found.map(([, command = '']) => command).sort();
    expect(names(listed)).toEqual(names(offered).filter((command) => command !== 'help'));
  });
});

describe('the code of the READMEs', () => {
  /** Where each block belongs, in the order of the text, and what it leaves to its reader. */
  const BLOCKS: { [document: string]: [file: string, before?: string][] } = {
    'README.md': [
      ['agents/orders/agent.ts'],
      ['agents/orders/agent.test.ts'],
      ['agents/films/render.ts'],
      ['agents/shop/refund.ts'],
      ['agents/notes/agent.ts'],
      ['app.ts'],
      ['agents/payments/pay.ts'],
      ['agents/payments/credit.ts'],
      ['with-people/longhaul.config.ts'],
      ['agents/watcher/agent.ts'],
      ['with-prices/longhaul.config.ts'],
      ['with-budgets/longhaul.config.ts'],
      ['with-queues/longhaul.config.ts'],
      ['queued.ts'],
      ['agents/labels/agent.ts'],
      ['agents/editor/agent.ts'],
      ['agents/support/agent.ts'],
      ['talk.ts'],
      ['agents/refunds/refund.ts'],
      ['longhaul.config.ts'],
      ['with-routes/longhaul.config.ts'],
      ['with-quotas/longhaul.config.ts'],
      ['with-api/longhaul.config.ts'],
      ['receiver/is-ours.ts'],
      ['with-openai/ask.mts'],
      ['agents/clerk/agent.ts'],
      ['with-watch/longhaul.config.ts'],
      ['with-workers/longhaul.config.ts'],
      ['with-traces/longhaul.config.ts'],
    ],
    'test/kit/model-server/README.md': [
      ['model-server.ts', "import { script, startModelServer } from 'longhaul/testing';\n"],
    ],
  };
  const THE_READERS = `
declare const farm: {
  begin(scene: string, key: string): Promise<string>;
  outcome(job: string): Promise<{ frames: number } | undefined>;
};
declare const bank: {
  cheque(account: string, amount: number, key: string): Promise<{ receipt: string }>;
  transfer(account: string, amount: number, key: string): Promise<{ receipt: string }>;
  find(key: string): Promise<{ receipt: string } | undefined>;
};
declare function fetchOrder(id: string, signal: AbortSignal): Promise<{ state: 'open' | 'sent'; days: number }>;
declare function postRefund(key: string, orderId: string, effectKey: string): Promise<{ refundId: string }>;
declare function render(event: import('longhaul/client').RunEvent): void;
`;

  test('each block has its place', () => {
    const counted = documents.map((document) => [document, codeBlocks(readTracked(document), 'ts').length] as const);
    expect(Object.fromEntries(counted.filter(([, count]) => count > 0))).toEqual(
      Object.fromEntries(Object.entries(BLOCKS).map(([document, blocks]) => [document, blocks.length])),
    );
  });

  test('the compiler accepts all of it in a project of a user, against the types of the package', async () => {
    const project = path.join(scratch, 'project');
    const write = (file: string, text: string): void => {
      mkdirSync(path.dirname(path.join(project, file)), { recursive: true });
      writeFileSync(path.join(project, file), text);
    };
    for (const [document, places] of Object.entries(BLOCKS)) {
      const blocks = codeBlocks(readTracked(document), 'ts');
      for (const [at, [file, before = '']] of places.entries()) write(file, before + (blocks[at] ?? ''));
    }
    write('reader.d.ts', THE_READERS);
    write(
      'tsconfig.init.json',
      newFiles({ name: 'orders', agentsDir: 'agents' }).find(([file]) => file === 'tsconfig.json')?.[1] ?? '',
    );
    write(
      'tsconfig.json',
      '{"extends":"./tsconfig.init.json","compilerOptions":{"types":["node","jest"]},"include":["."]}',
    );
    mkdirSync(path.join(project, 'node_modules'));
    for (const installed of ['zod', 'openai', '@types'])
      symlinkSync(path.join(TOP, 'node_modules', installed), path.join(project, 'node_modules', installed));
    symlinkSync(TOP, path.join(project, 'node_modules', name));
    const tsc = path.join(TOP, 'node_modules/typescript/bin/tsc');
    const compiled = await (
      await start(process.execPath, [tsc, '-p', '.', '--pretty', 'false'], { cwd: project })
    ).ended;
    expect(compiled).toEqual({ code: 0, stdout: '', stderr: '' });
  });
});
