// Needs nothing but a temporary folder.
import os from 'node:os';
import path from 'node:path';
import { ConfigError } from '../../workers/config-error';
import { loadSettings, type Settings, type SettingsOverrides } from '../../workers/config';
import { describeSettings } from '../../workers/describe-settings';
import { modelPlan, modelRoute } from '../../workers/model-settings';
import { tempProject, type TempProject } from './temp-project';

const projects: TempProject[] = [];
const project = (files: { [name: string]: string }): TempProject => {
  const made = tempProject({ 'package.json': '{}', ...files });
  projects.push(made);
  return made;
};
afterAll(() => projects.forEach((made) => made.remove()));

const load = (
  { folder }: TempProject,
  env: { [name: string]: string } = {},
  overrides: SettingsOverrides = {},
): Promise<Settings> => loadSettings({ cwd: folder, env, overrides });

const config = (text: string): { [name: string]: string } => ({
  'longhaul.config.ts': `import { defineConfig } from 'longhaul';\nexport default defineConfig(${text});\n`,
});

test('without a configuration everything has a default, inside the project', async () => {
  const made = project({});
  const settings = await load(made);
  expect(settings).toMatchObject({
    project: made.folder,
    stateDir: path.join(made.folder, '.longhaul'),
    store: `lmdb:${path.join(made.folder, '.longhaul/store')}`,
    agentsDir: path.join(made.folder, 'agents'),
    taskQueue: 'agents',
    identity: { tenant: 'default', user: os.userInfo().username },
    models: { default: ['demo/extractive'] },
    providers: [{ name: 'openai', keyFrom: 'OPENAI_API_KEY', api: 'responses' }],
  });
  expect(settings).not.toHaveProperty('configFile');
});

test('a configuration file is found above the current folder, and its folders are relative to it', async () => {
  const made = project({
    ...config(`{ agents: 'src/agents', store: 'lmdb:data', taskQueue: 'q', identity: { tenant: 'acme', user: 'u7' } }`),
    'src/deep/file.txt': '',
  });
  const settings = await loadSettings({ cwd: path.join(made.folder, 'src/deep'), env: {} });
  expect(settings).toMatchObject({
    project: made.folder,
    configFile: path.join(made.folder, 'longhaul.config.ts'),
    store: `lmdb:${path.join(made.folder, 'data')}`,
    agentsDir: path.join(made.folder, 'src/agents'),
    taskQueue: 'q',
    identity: { tenant: 'acme', user: 'u7' },
  });
});

test('the search for a configuration file ends at the project', async () => {
  const made = project({ ...config(`{ agents: 'outer' }`), 'inner/package.json': '{}' });
  const settings = await loadSettings({ cwd: path.join(made.folder, 'inner'), env: {} });
  expect(settings.project).toBe(path.join(made.folder, 'inner'));
  expect(settings.agentsDir).toBe(path.join(made.folder, 'inner/agents'));
});

test.each([
  ['longhaul.config.mjs', `export default { agents: 'found' };`],
  ['longhaul.config.cjs', `module.exports = { agents: 'found' };`],
  ['longhaul.config.js', `export default { agents: 'found' };`],
  ['longhaul.config.ts', `const agents: string = await Promise.resolve('found');\nexport default { agents };`],
])('%s is a configuration file', async (name, text) => {
  const made = project({ [name]: text });
  expect((await load(made)).agentsDir).toBe(path.join(made.folder, 'found'));
});

test('the command line comes before the environment, and the environment before the file', async () => {
  const made = project(config(`{ agents: 'a', store: 'lmdb:a', taskQueue: 'a' }`));
  const env = { LONGHAUL_AGENTS: 'b', LONGHAUL_STORE: 'lmdb:b', LONGHAUL_TASK_QUEUE: 'b', LONGHAUL_STATE_DIR: 'b' };
  const byEnv = await load(made, env);
  expect(byEnv.agentsDir).toBe(path.join(made.folder, 'b'));
  expect(byEnv.stateDir).toBe(path.join(made.folder, 'b'));
  expect(byEnv.store).toBe(`lmdb:${path.join(made.folder, 'b')}`);
  expect(byEnv.taskQueue).toBe('b');
  const byHand = await load(made, env, { agents: 'c', stateDir: '/c', store: 'memory:', taskQueue: 'c' });
  expect(byHand).toMatchObject({
    agentsDir: path.join(made.folder, 'c'),
    stateDir: path.resolve('/c'),
    store: 'memory:',
    taskQueue: 'c',
  });
});

test('an empty variable counts as unset', async () => {
  const made = project({});
  const settings = await load(made, { OPENAI_API_KEY: '', OPENAI_BASE_URL: '', LONGHAUL_AGENTS: '', OPENAI_API: '' });
  expect(settings.models).toEqual({ default: ['demo/extractive'] });
  expect(settings.agentsDir).toBe(path.join(made.folder, 'agents'));
  expect(settings.secret('OPENAI_API_KEY')).toBeUndefined();
});

describe('model servers', () => {
  test('a key turns the default model to OpenAI and its newer API', async () => {
    const settings = await load(project({}), { OPENAI_API_KEY: 'sk-1' });
    expect(settings.models).toEqual({ default: ['openai/gpt-5-mini'] });
    expect(settings.providers).toEqual([{ name: 'openai', keyFrom: 'OPENAI_API_KEY', api: 'responses' }]);
    expect(settings.secret('OPENAI_API_KEY')).toBe('sk-1');
  });

  test('another base URL needs no key and speaks chat, unless said otherwise', async () => {
    const env = { OPENAI_BASE_URL: 'http://127.0.0.1:1/v1', OPENAI_MODEL: 'qwen/q3' };
    const settings = await load(project({}), env);
    expect(settings.models).toEqual({ default: ['openai/qwen/q3'] });
    expect(settings.providers).toMatchObject([{ baseUrl: 'http://127.0.0.1:1/v1', api: 'chat' }]);
    expect((await load(project({}), { ...env, OPENAI_API: 'responses' })).providers).toMatchObject([
      { api: 'responses' },
    ]);
    const own = await load(project({}), { OPENAI_BASE_URL: 'https://api.openai.com/v1' });
    expect(own.providers).toMatchObject([{ api: 'responses' }]);
  });

  test('aliases and providers of the file are merged, and its default wins', async () => {
    const made = project(
      config(`{
        models: { default: 'near/small', smart: ['openai/gpt-5', 'near/big'] },
        providers: { near: { baseUrl: 'http://127.0.0.1:9/v1' }, far: { baseUrl: 'https://far.example/v1', apiKeyEnv: 'FAR', api: 'responses' } },
      }`),
    );
    const settings = await load(made, { OPENAI_API_KEY: 'sk-1' });
    expect(settings.models).toEqual({ default: ['near/small'], smart: ['openai/gpt-5', 'near/big'] });
    expect(settings.providers).toEqual([
      { name: 'openai', keyFrom: 'OPENAI_API_KEY', api: 'responses' },
      { name: 'near', keyFrom: 'NEAR_API_KEY', api: 'chat', baseUrl: 'http://127.0.0.1:9/v1' },
      { name: 'far', keyFrom: 'FAR', api: 'responses', baseUrl: 'https://far.example/v1' },
    ]);
    expect(modelRoute(settings, 'smart')).toEqual(['openai/gpt-5', 'near/big']);
    expect(modelRoute(settings, 'far/any')).toEqual(['far/any']);
    expect(() => modelRoute(settings, 'clever')).toThrow('no model alias "clever" (there are: default, smart)');
    expect(() => modelRoute(settings, 'toString')).toThrow('no model alias "toString"');
    expect(() => modelRoute(settings, 'nobody/x')).toThrow(
      'no provider for model "nobody/x" (providers: demo, openai,',
    );
  });
});

test('a route has weights and patience, which its release carries', async () => {
  const made = project(
    config(`{
      models: { smart: { route: ['openai/gpt-5', { model: 'openai/gpt-5-mini', weight: 3 }], spillOver: '2s', divertOn: ['Model.Refused'] } },
    }`),
  );
  const settings = await load(made, { OPENAI_API_KEY: 'sk-1' });
  expect(modelRoute(settings, 'smart')).toEqual(['openai/gpt-5', 'openai/gpt-5-mini']);
  expect(modelPlan(settings, 'smart')).toEqual({ weights: [1, 3], spillOverMs: 2_000, divertOn: ['Model.Refused'] });
  expect(modelPlan(settings, 'default')).toBeUndefined();
  expect(describeSettings(settings)).toContainEqual({
    what: 'model smart',
    value: 'openai/gpt-5 × 1, openai/gpt-5-mini × 3; spills over after 2000 ms; diverts on Model.Refused',
    source: 'longhaul.config.ts',
  });
});

test.each([
  [`{ agent: 'x' }`, 'longhaul.config.ts: agent: there is no such setting'],
  [`{ providers: { near: { key: 'x' } } }`, 'longhaul.config.ts: providers.near.key: there is no such setting'],
  [`{ queues: { q: { depth: 0 } } }`, 'longhaul.config.ts: queues.q.depth: '],
  [`{ models: { smart: 'gpt-5' } }`, 'longhaul.config.ts: models.smart: "gpt-5" is not a model'],
  [`{ models: { smart: [] } }`, 'longhaul.config.ts: models.smart: '],
  [`{ models: { smart: ['a/b', 'a/b'] } }`, 'longhaul.config.ts: models.smart: "a/b" stands there twice.'],
  [
    `{ models: { smart: { route: ['a/b'], spillover: '2s' } } }`,
    'longhaul.config.ts: models.smart.spillover: there is',
  ],
  [
    `{ models: { smart: { route: ['a/b'], spillOver: 'soon' } } }`,
    'longhaul.config.ts: models.smart.spillOver: "soon" is',
  ],
  [
    `{ models: { smart: { route: [{ model: 'a/b', weight: 0 }] } } }`,
    'longhaul.config.ts: models.smart.route.0.weight: ',
  ],
  [`{ models: { smart: { route: ['a/b'], divertOn: ['x'] } } }`, 'longhaul.config.ts: models.smart.divertOn.0: '],
  [`{ providers: { demo: {} } }`, 'longhaul.config.ts: providers: "demo" cannot name a provider'],
  [
    `{ providers: { openai: { api: 'messages' } } }`,
    'longhaul.config.ts: providers.openai: OpenAI does not speak messages',
  ],
  [`{ providers: { groq: {} } }`, 'longhaul.config.ts: providers.groq: give its baseUrl, or the api of whoever made'],
  [`{ models: nowhere }`, 'longhaul.config.ts:2: nowhere is not defined'],
  [`{ models: = }`, 'longhaul.config.ts:2: Unexpected token'],
])('the configuration %s is refused in one line that says where', async (text, expected) => {
  const failed = load(project(config(text)));
  await expect(failed).rejects.toThrow(ConfigError);
  const error: unknown = await failed.catch((reason: unknown) => reason);
  const message = error instanceof Error ? error.message : '';
  expect(message.startsWith(expected) ? expected : message).toBe(expected);
  expect(message).not.toContain('\n');
});

test.each([
  [{ OPENAI_API: 'telegraph' }, 'OPENAI_API: "telegraph" is not an API: write responses or chat.'],
  [{ OPENAI_BASE_URL: 'sk-oops' }, 'OPENAI_BASE_URL: it is not a URL.'],
])('the environment %p is refused by name', async (env: { [name: string]: string }, message) => {
  await expect(load(project({}), env)).rejects.toThrow(message);
});

test('a configuration without a default export is told so, not that its names are no settings', async () => {
  const made = project({ 'longhaul.config.ts': 'export const a = 1;\n' });
  await expect(load(made)).rejects.toThrow(
    'longhaul.config.ts: it has no default export: write export default defineConfig({ ... }).',
  );
});

test('settings are described with their sources and without credentials', async () => {
  const made = project(config(`{ models: { smart: 'openai/gpt-5' } }`));
  const settings = await load(made, {
    OPENAI_API_KEY: 'sk-hidden',
    OPENAI_BASE_URL: 'https://me:pass-hidden@model.example/v1?token=query-hidden',
    LONGHAUL_STORE: 'postgres://me:store-hidden@db.example/x',
  });
  const described = describeSettings(settings);
  expect(described).toEqual(
    expect.arrayContaining([
      { what: 'store', value: 'postgres://db.example/x', source: 'LONGHAUL_STORE' },
      { what: 'agents', value: path.join(made.folder, 'agents'), source: 'longhaul.config.ts' },
      { what: 'openai base URL', value: 'https://model.example/v1', source: 'OPENAI_BASE_URL' },
      { what: 'openai key', value: 'set', source: 'OPENAI_API_KEY' },
      { what: 'openai loses', value: expect.stringMatching(/^by model: tools, /), source: 'another server, chat' },
      { what: 'model smart', value: 'openai/gpt-5', source: 'longhaul.config.ts' },
      { what: 'model default', value: 'openai/gpt-5-mini', source: 'a key or base URL is set' },
    ]),
  );
  expect(JSON.stringify(described)).not.toMatch(/hidden/);
});

describe('keys', () => {
  const key = Buffer.alloc(32, 5).toString('base64');

  test('come from the environment, and only their ids are shown', async () => {
    const made = project({});
    const young = Buffer.alloc(32, 6).toString('base64');
    const settings = await load(made, { LONGHAUL_KEYS: `new:${young},old:${key},names:${key}` });
    expect(settings.keys?.current).toBe('new');
    expect(describeSettings(settings)).toContainEqual({ what: 'keys', value: 'new, old', source: 'LONGHAUL_KEYS' });
    expect(JSON.stringify(settings)).not.toContain(key.slice(0, 8));
    for (const none of [{}, { LONGHAUL_KEYS: '' }]) expect(await load(made, none)).not.toHaveProperty('keys');
  });

  test('that cannot be read are one line that holds none', async () => {
    const error: unknown = await load(project({}), { LONGHAUL_KEYS: `a:${key},b:${key}x` }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(ConfigError);
    expect(String(error)).toContain('LONGHAUL_KEYS: key "b" is not 32 bytes in base64');
    expect(String(error)).not.toContain(key.slice(0, 8));
  });
});

describe('settings of the process', () => {
  test('have defaults, come from the environment, and are described', async () => {
    const made = project({});
    expect((await load(made)).process).toEqual({ logLevel: 'info', sqliteSynchronous: 'NORMAL', demoDelayMs: 0 });
    const settings = await load(made, {
      LONGHAUL_LOG_LEVEL: 'debug',
      LONGHAUL_CORE_METRICS: '127.0.0.1:9465',
      LONGHAUL_SQLITE_SYNCHRONOUS: 'FULL',
      LONGHAUL_DEMO_DELAY_MS: '20',
      LONGHAUL_FAILPOINT: 'store.after-put:3',
      LONGHAUL_FAILPOINT_FILE: '/x/reached',
    });
    expect(settings.process).toEqual({
      logLevel: 'debug',
      coreMetricsAddress: '127.0.0.1:9465',
      sqliteSynchronous: 'FULL',
      demoDelayMs: 20,
      failpoint: { name: 'store.after-put', nth: 3, file: '/x/reached' },
    });
    expect(describeSettings(settings)).toEqual(
      expect.arrayContaining([
        { what: 'SQLite durability', value: 'FULL', source: 'LONGHAUL_SQLITE_SYNCHRONOUS' },
        { what: 'failpoint', value: 'store.after-put:3', source: 'LONGHAUL_FAILPOINT' },
      ]),
    );
  });

  test.each([
    ['LONGHAUL_SQLITE_SYNCHRONOUS', 'full', 'NORMAL or FULL'],
    ['LONGHAUL_LOG_LEVEL', 'verbose', 'one of trace'],
    ['LONGHAUL_CORE_METRICS', '9465', 'host:port'],
    ['LONGHAUL_DEMO_DELAY_MS', '1s', 'whole number of milliseconds'],
    ['LONGHAUL_FAILPOINT', 'store.before_put', 'store.before-put'],
    ['LONGHAUL_FAILPOINT', 'store.before-put:0', 'name:nth'],
  ])('%s=%s is refused, with what it may be', async (name, value, says) => {
    const loading = load(project({}), { [name]: value });
    await expect(loading).rejects.toThrow(ConfigError);
    await expect(loading).rejects.toThrow(`${name}: "${value}" cannot be used: `);
    await expect(loading).rejects.toThrow(says);
  });
});

test('a provider without an address of its own has the prices of whoever made its API', async () => {
  const made = project(config(`{ models: { c: 'anthropic/claude-sonnet-4-5' } }`));
  const { prices } = await load(made, { ANTHROPIC_API_KEY: 'k', OPENAI_API_KEY: 'k' });
  const usage = { input: 1_000_000, cachedInput: 0, output: 0, reasoning: 0 };
  expect(prices.nanoUsd('anthropic/claude-sonnet-4-5', usage)).toBeGreaterThan(0);
  expect(prices.nanoUsd('openai/gpt-5-mini', usage)).toBeGreaterThan(0);
  expect(prices.nanoUsd('openai/claude-sonnet-4-5', usage)).toBeUndefined();
});

test('a provider that is spoken to by another’s API keeps its own address, and its key', async () => {
  const made = project(config(`{ providers: { anthropic: { api: 'chat' } } }`));
  const { providers } = await load(made, { ANTHROPIC_API_KEY: 'k' });
  expect(providers).toContainEqual({
    ...{ name: 'anthropic', keyFrom: 'ANTHROPIC_API_KEY', api: 'chat', baseUrl: 'https://api.anthropic.com/v1' },
  });
});
