// Needs a scratch folder. No server, no download.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { doctorCommand } from '../../client/cli/commands/doctor';
import { initCommand } from '../../client/cli/commands/init';
import { checkNode, type Check } from '../../client/cli/doctor-checks';
import { createContext } from '../../client/cli/context';
import { createOutput } from '../../client/cli/output';
import { usableSettings } from '../../client/cli/usable-settings';
import { keptStream, testProject, told, type TestProject } from './given';

let project: TestProject;
beforeEach(() => (project = testProject()));
afterEach(() => project.remove());

const ENV = { PATH: '/nonexistent', HOME: '/nonexistent', XDG_CONFIG_HOME: '/nonexistent' };

async function doctor(env: { [name: string]: string } = {}) {
  const { code, stdout } = await told(project.dir, doctorCommand, { json: true, env: { ...ENV, ...env } });
  const report: { ok: boolean; checks: Check[] } = JSON.parse(stdout);
  return { code, ...report, of: (name: string) => report.checks.filter((check) => check.name === name) };
}

test('a new project is well, and what could be better is said', async () => {
  await told(project.dir, (context) => initCommand(context, 'hello'));
  const { code, ok, of } = await doctor();
  expect([code, ok]).toEqual([0, true]);
  expect(of('agents')).toMatchObject([{ state: 'ok', found: expect.stringContaining('hello') }]);
  expect(of('model')).toMatchObject([{ state: 'note', mend: expect.stringContaining('OPENAI_API_KEY') }]);
  expect(of('Temporal CLI')).toMatchObject([{ state: 'note', found: 'none yet' }]);
});

test('a webhook without its secret is missing something', async () => {
  await told(project.dir, (context) => initCommand(context, 'hello'));
  const webhook = { url: 'https://me:hidden@chat.example.com/hook', secretEnv: 'HOOK_SECRET' };
  writeFileSync(path.join(project.dir, 'longhaul.config.ts'), `export default ${JSON.stringify({ webhook })};`);
  const unset = await doctor();
  expect([unset.code, unset.of('webhook')]).toMatchObject([
    1,
    [
      {
        state: 'missing',
        found: 'https://chat.example.com/hook: HOOK_SECRET is not set',
        mend: expect.stringMatching(/^set HOOK_SECRET/),
      },
    ],
  ]);
  expect((await doctor({ HOOK_SECRET: 'x' })).of('webhook')).toMatchObject([{ state: 'ok' }]);
});

test('without agents something is missing, and there is a way to mend it', async () => {
  const { code, ok, checks } = await doctor();
  expect([code, ok]).toEqual([1, false]);
  const missing = checks.filter((check) => check.state === 'missing');
  expect(missing.map(({ name }) => name)).toEqual(['agents']);
  for (const check of missing) expect(check).toMatchObject({ mend: expect.stringMatching(/longhaul init/) });
});

test('a configuration that cannot be used is a line of the report, and agents are not blamed for it', async () => {
  await told(project.dir, (context) => initCommand(context, 'hello'));
  // Without the configuration there is no such alias.
  writeFileSync(
    path.join(project.dir, 'agents', 'hello', 'agent.ts'),
    "import { defineAgent } from 'longhaul';\nexport default defineAgent({ name: 'hello', instructions: 'x', model: 'claude' });\n",
  );
  const config = "export default { agent: 'x', models: { claude: 'openai/gpt-5-mini' } };\n";
  writeFileSync(path.join(project.dir, 'longhaul.config.ts'), config);
  const env = { ...ENV, TEMPORAL_CONFIG_FILE: '', OPENAI_API: 'telegraph' };
  const { settings, problems } = await usableSettings({ cwd: project.dir, env });
  const stdout = keptStream();
  const output = createOutput({ stdout, stderr: keptStream(), json: true, env: {} });
  const context = createContext({ settings, misconfigured: problems, output, env, cwd: project.dir });
  expect(await doctorCommand(context)).toBe(1);
  await context.close();
  const { checks }: { checks: Check[] } = JSON.parse(stdout.text());
  expect(checks).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ state: 'missing', found: expect.stringMatching(/longhaul\.config\.ts.*agent/) }),
      expect.objectContaining({ state: 'missing', found: expect.stringContaining('OPENAI_API') }),
      expect.objectContaining({ name: 'agents', state: 'note', found: expect.stringContaining('were not checked') }),
      expect.objectContaining({ name: 'store', state: 'ok' }),
    ]),
  );
  expect(stdout.text()).not.toMatch(/claude/);
  expect(settings.described).toContainEqual({
    what: 'configuration',
    value: `${path.join(project.dir, 'longhaul.config.ts')}, not used: it is not valid`,
    source: 'found',
  });
});

test('what is limited is a line of its own', async () => {
  const config = {
    quotas: { 'openai/gpt-5-mini': { requestsPerMinute: 60 } },
    budgets: { tenants: { acme: { usdPerDay: 5 } } },
  };
  writeFileSync(path.join(project.dir, 'longhaul.config.ts'), `export default ${JSON.stringify(config)};`);
  const found = '1 model: openai/gpt-5-mini; budgets of acme; no server answers that could be asked';
  expect((await doctor()).of('quotas')).toMatchObject([{ state: 'note', found }]);
});

test.each(['OPENAI_BASE_URL', 'ANTHROPIC_BASE_URL'])(
  '%s that is no URL is said, and the rest is used',
  async (name) => {
    const { settings, problems } = await usableSettings({ cwd: project.dir, env: { ...ENV, [name]: 'nowhere' } });
    expect(problems).toEqual([`${name}: it is not a URL.`]);
    expect(settings.project).toBe(project.dir);
  },
);

test('one mistake that keeps every agent from loading is one line, and no agent is said to be missing', async () => {
  for (const name of ['one', 'two']) await told(project.dir, (context) => initCommand(context, name));
  const config =
    "import { defineConfig } from 'longhaul';\nexport default defineConfig({ models: { default: 'gone/x' } });\n";
  writeFileSync(path.join(project.dir, 'longhaul.config.ts'), config);
  const { of } = await doctor();
  expect(of('agents')).toMatchObject([{ state: 'missing', mend: expect.not.stringContaining('init') }]);
  expect(of('agent')).toMatchObject([{ found: expect.stringMatching(/agents\/one.*gone\/x.*\(also agents\/two/) }]);
});

test('a broken agent is named with its line', async () => {
  mkdirSync(path.join(project.dir, 'agents', 'bad'), { recursive: true });
  writeFileSync(path.join(project.dir, 'agents', 'bad', 'agent.ts'), 'const a = 1;\nthrow new Error("no good");\n');
  const { code, of } = await doctor();
  expect(code).toBe(1);
  expect(of('agent')).toMatchObject([{ state: 'missing', found: 'agents/bad/agent.ts:2: no good' }]);
});

test('a model without its key is missing; with it, the key itself is nowhere', async () => {
  writeFileSync(
    path.join(project.dir, 'longhaul.config.ts'),
    "import { defineConfig } from 'longhaul';\nexport default defineConfig({ models: { default: 'openai/gpt-5-mini' } });\n",
  );
  await told(project.dir, (context) => initCommand(context, 'hello'));
  const without = await doctor();
  expect(without.code).toBe(1);
  expect(without.of('model')).toMatchObject([{ state: 'missing', mend: 'set OPENAI_API_KEY' }]);
  const env = { ...ENV, OPENAI_API_KEY: 'sk-secret-of-the-test' };
  const withKey = await told(project.dir, doctorCommand, { env });
  expect(withKey.code).toBe(0);
  expect(withKey.stdout).toContain('OPENAI_API_KEY is set');
  expect(withKey.stdout).not.toContain('sk-secret-of-the-test');
});

test('a server that is named and does not answer is missing', async () => {
  const { code, of } = await doctor({ TEMPORAL_ADDRESS: '127.0.0.1:1' });
  expect(code).toBe(1);
  expect(of('Temporal')).toMatchObject([{ state: 'missing', found: expect.stringContaining('127.0.0.1:1') }]);
}, 15_000);

test.each([
  ['20.18.9', 'missing'],
  ['18.99.0', 'missing'],
  ['20.19.0', 'ok'],
  ['22.1.0', 'ok'],
])('Node %s: %s', (version, state) => expect(checkNode(version).state).toBe(state));
