// Needs: the built package (npm run build), npm and its registry or a warm cache, a Temporal CLI, free ports. What a stranger does:
// installs the packed tarball into an empty folder, writes a first agent, tests it and runs it.
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { TOP, scratchFolder, start, type Ended } from './cli';

/** In all, on two shared cores. What it takes is printed. */
const SECONDS_AT_MOST = 120;
jest.setTimeout(2 * SECONDS_AT_MOST * 1_000);

const packed = scratchFolder();
const project = scratchFolder();
const spent: { [step: string]: number } = {};

async function ran(step: string, cwd: string, program: string, ...args: string[]): Promise<Ended> {
  const from = performance.now();
  const ended = await (await start(program, args, { cwd })).ended;
  spent[step] = (performance.now() - from) / 1_000;
  return ended;
}

const tarball = (): string =>
  path.join(packed, readdirSync(packed).find((file) => file.endsWith('.tgz')) ?? 'none.tgz');

test('it is packed: what runs and its types, and nothing else', async () => {
  // Without its scripts: it is built already, and would only be built again.
  const { code, stdout } = await ran(
    'pack',
    TOP,
    'npm',
    'pack',
    '--json',
    '--ignore-scripts',
    '--pack-destination',
    packed,
  );
  expect(code).toBe(0);
  const [about] = JSON.parse(stdout) as [{ size: number; unpackedSize: number; files: { path: string }[] }];
  const files = about.files.map((file) => file.path);
  console.log(
    `packed ${Math.round(about.size / 1_000)} KB, unpacked ${Math.round(about.unpackedSize / 1_000)} KB, ${files.length} files; ` +
      `the workflow bundle is ${Math.round(statSync(path.join(TOP, 'dist/workflow-bundle.js')).size / 1_000)} KB of it`,
  );
  // Compiled code, types, the workflow bundle, what pages load, what Prometheus and Grafana load with its runbooks, the sections of the README for agents, and the three files that npm always packs.
  const expected =
    /^(package\.json|README\.md|llms\.txt|LICENSE|dist\/workflow-bundle\.js|dist\/(activities|client|infra\/temporal|test\/kit|workers|workflows)\/.+\.(js|d\.ts)|dist\/client\/dashboard\/assets\/.+\.(css|svg)|dist\/infra\/(prometheus|grafana|runbooks)\/.+\.(yml|json|md))$/;
  expect(files.filter((file) => !expected.test(file))).toEqual([]);
  expect(files).toContain('llms.txt');
  expect(files.filter((file) => /\.(test|spec)\./.test(file))).toEqual([]);
  expect(files).toEqual(
    expect.arrayContaining([
      'dist/infra/prometheus/rules.yml',
      'dist/infra/grafana/dashboards/longhaul-behaviour.json',
      'dist/infra/runbooks/behaviour.md',
    ]),
  );
  // A third of it is the bundle of workflows with its source map, which stack traces are told by.
  expect(about.unpackedSize).toBeLessThan(7_000_000);
});

test('npm i TARBALL, npx longhaul init, npm test, npx longhaul run hello', async () => {
  const installed = await ran('npm i', project, 'npm', 'i', tarball(), '--prefer-offline', '--no-audit', '--no-fund');
  expect(installed).toMatchObject({ code: 0 });
  const init = await ran('init', project, 'npx', 'longhaul', 'init');
  expect(init).toMatchObject({ code: 0 });
  expect(init.stdout).toMatch(/^wrote +agents\/hello\/agent\.ts$/m);

  const tested = await ran('npm test', project, 'npm', 'test');
  expect(tested).toMatchObject({ code: 0, stdout: expect.stringMatching(/pass 1\n[^]*fail 0\n/) as string });
  const types = await ran(
    'tsc',
    project,
    process.execPath,
    path.join(TOP, 'node_modules/typescript/bin/tsc'),
    '--noEmit',
  );
  expect(types).toEqual({ code: 0, stdout: '', stderr: '' });

  const run = await ran('run hello', project, 'npx', 'longhaul', 'run', 'hello');
  expect(run).toMatchObject({ code: 0, stdout: 'Hello, world!\n' });
  expect(run.stderr).toMatch(/^model {2}demo \(no language model/m);

  const total = Object.values(spent).reduce((sum, seconds) => sum + seconds, 0);
  const steps = Object.entries(spent).map(([step, seconds]) => `${step} ${seconds.toFixed(1)} s`);
  console.log(`${steps.join(', ')}; ${total.toFixed(1)} s in all`);
  expect(total).toBeLessThan(SECONDS_AT_MOST);
});

const EXPORTS: { [name: string]: string } = {
  longhaul: 'defineAgent',
  'longhaul/workflows': 'agentRun',
  'longhaul/workers': 'startWorker',
  'longhaul/client': 'createClient',
  'longhaul/testing': 'testAgent',
};

const evaluated = async (kind: 'commonjs' | 'module', code: string): Promise<string> => {
  const { stdout, stderr } = await ran('node', project, process.execPath, `--input-type=${kind}`, '-e', code);
  return stdout + stderr;
};

test.each(Object.entries(EXPORTS))('%s is there for require and for import', async (name, exported) => {
  expect(await evaluated('commonjs', `console.log(typeof require('${name}').${exported})`)).toBe('function\n');
  expect(await evaluated('module', `import { ${exported} } from '${name}'; console.log(typeof ${exported})`)).toBe(
    'function\n',
  );
});

test.each(['longhaul', 'longhaul/client', 'longhaul/testing'])(
  'who takes %s does not pay for the worker',
  async (name) => {
    const code = `require('${name}'); console.log(Object.keys(require.cache).filter((file) => /@temporalio.(worker|core-bridge)/.test(file)).length)`;
    expect(await evaluated('commonjs', code)).toBe('0\n');
  },
);

test('a caller takes the type of an agent alone, and its input and output are checked', async () => {
  const app = `import { createClient } from 'longhaul/client';
import type { helloAgent } from './agents/hello/agent';
export async function main(): Promise<string | undefined> {
  const longhaul = await createClient();
  const run = await longhaul.agent<typeof helloAgent>('hello').start({ name: 'Ada' }, { id: 'ada' });
  // @ts-expect-error a name is a text
  await longhaul.agent<typeof helloAgent>('hello').start({ name: 5 });
  const result = await run.result();
  return result.outcome === 'completed' ? result.output : result.failure.message;
}
`;
  writeFileSync(path.join(project, 'app.ts'), app);
  writeFileSync(path.join(project, 'tsconfig.app.json'), '{"extends":"./tsconfig.json","include":["app.ts"]}');
  const tsc = path.join(TOP, 'node_modules/typescript/bin/tsc');
  expect(await ran('tsc', project, process.execPath, tsc, '-p', 'tsconfig.app.json')).toEqual({
    code: 0,
    stdout: '',
    stderr: '',
  });
});
