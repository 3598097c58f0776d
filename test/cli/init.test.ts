// Needs a scratch folder. What the written project does (npm test, run, tsc) is shown from the packed package, in test/e2e.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { initCommand } from '../../client/cli/commands/init';
import { loadAgents } from '../../workers/load-agents';
import { loadSettings } from '../../workers/config';
import { testProject, told, type TestProject } from './given';

let project: TestProject;
beforeEach(() => (project = testProject()));
afterEach(() => project.remove());

const read = (file: string): string => readFileSync(path.join(project.dir, file), 'utf8');
const write = (file: string, content: string): void => {
  mkdirSync(path.dirname(path.join(project.dir, file)), { recursive: true });
  writeFileSync(path.join(project.dir, file), content);
};
const files = (): string[] =>
  readdirSync(project.dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('.longhaul'))
    .map((entry) => path.relative(project.dir, path.join(entry.parentPath, entry.name)))
    .sort();
const init = (name = 'hello') => told(project.dir, (context) => initCommand(context, name), { json: true });
const did = async (name?: string): Promise<{ [file: string]: string }> => {
  const parsed: { files: { file: string; did: string }[] } = JSON.parse((await init(name)).stdout);
  return Object.fromEntries(parsed.files.map((one) => [one.file, one.did]));
};

const ALL = [
  '.gitignore',
  'agents/hello/agent.test.ts',
  'agents/hello/agent.ts',
  'agents/hello/instructions.md',
  'longhaul.config.ts',
  'package.json',
  'tsconfig.json',
];

test('in an empty folder it writes a project whose agent loads', async () => {
  const { code, stderr } = await init();
  expect([code, stderr]).toEqual([0, '']);
  expect(files()).toEqual(ALL);
  expect(JSON.parse(read('package.json'))).toEqual({
    private: true,
    scripts: { test: 'longhaul test', dev: 'longhaul dev' },
  });
  const settings = await loadSettings({ cwd: project.dir, env: {} });
  const { agents, problems } = await loadAgents({ dir: settings.agentsDir, settings });
  expect(problems).toEqual([]);
  expect(agents.map(({ manifest }) => [manifest.agent, manifest.tools[0]?.name])).toEqual([['hello', 'greet']]);
});

test('a second time it keeps every file, to the byte', async () => {
  await init();
  write('agents/hello/agent.ts', '// mine now\n');
  const before = ALL.map(read);
  expect(new Set(Object.values(await did()))).toEqual(new Set(['kept']));
  expect(ALL.map(read)).toEqual(before);
});

test('another name is another agent beside the first', async () => {
  await init();
  const written = await did('night-shift');
  expect(written['agents/night-shift/agent.ts']).toBe('wrote');
  expect(written['longhaul.config.ts']).toBe('kept');
  const settings = await loadSettings({ cwd: project.dir, env: {} });
  const { agents, problems } = await loadAgents({ dir: settings.agentsDir, settings });
  expect([agents.map(({ manifest }) => manifest.agent), problems]).toEqual([['hello', 'night-shift'], []]);
});

describe('package.json', () => {
  test('only absent scripts are added; the rest, and the indentation, stay', async () => {
    write('package.json', '{\n\t"name": "mine",\n\t"type": "module",\n\t"scripts": {\n\t\t"test": "vitest"\n\t}\n}\n');
    expect((await did())['package.json']).toBe('added to');
    expect(read('package.json')).toBe(
      '{\n\t"name": "mine",\n\t"type": "module",\n\t"scripts": {\n\t\t"test": "vitest",\n\t\t"dev": "longhaul dev"\n\t}\n}\n',
    );
  });

  test("npm's placeholder is no test script", async () => {
    write('package.json', '{"scripts":{"test":"echo \\"Error: no test specified\\" && exit 1"}}');
    await init();
    expect(JSON.parse(read('package.json'))).toMatchObject({ scripts: { test: 'longhaul test' } });
  });

  test.each(['{ not json', '[]', '{"scripts":[]}'])(
    'one that cannot be extended (%s) is told, and nothing is written',
    async (text) => {
      write('package.json', text);
      await expect(init()).rejects.toMatchObject({
        code: 'invalid-input',
        message: expect.stringContaining('package.json'),
      });
      expect(files()).toEqual(['package.json']);
    },
  );
});

test.each([
  ['node_modules', 'node_modules\n.longhaul/\n'],
  ['dist\n', 'dist\n.longhaul/\n'],
  ['/.longhaul\n', '/.longhaul\n'],
  ['', '.longhaul/\n'],
])('.gitignore %j gets its line once', async (before, after) => {
  write('.gitignore', before);
  await init();
  await init();
  expect(read('.gitignore')).toBe(after);
});

test('the folder of agents that the configuration names is used', async () => {
  write(
    'longhaul.config.ts',
    "import { defineConfig } from 'longhaul';\nexport default defineConfig({ agents: 'src/agents' });\n",
  );
  const written = await did();
  expect(written['src/agents/hello/agent.ts']).toBe('wrote');
  expect(read('tsconfig.json')).toContain('"include": ["src/agents", "longhaul.config.ts"]');
});

test('a folder inside another project gets its own files', async () => {
  write('package.json', '{}');
  const inner = path.join(project.dir, 'inner');
  mkdirSync(inner);
  await told(inner, (context) => initCommand(context, 'hello'));
  expect(files()).toEqual([...ALL.map((file) => path.join('inner', file)), 'package.json'].sort());
});

test.each(['', '../out', 'a b', '1st', 'x'.repeat(65)])(
  'a name that cannot be an agent (%j) is refused',
  async (name) => {
    await expect(init(name)).rejects.toMatchObject({ code: 'invalid-input' });
    expect(files()).toEqual([]);
  },
);
