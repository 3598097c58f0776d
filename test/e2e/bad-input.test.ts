// Needs: the built command line (npm run build), a Temporal CLI, free ports. What is wrong is said in one line, with what to do,
// and nothing is half started.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { TOP, cli, scratchFolder, type Ended } from './cli';

const project = scratchFolder();
const KEY = 'sk-wrong-key-0123456789abcdef';
let model: ModelServer;

beforeAll(async () => {
  model = await startModelServer({ script: script().answer('never'), apiKey: 'sk-the-right-one' });
  writeFileSync(path.join(project, 'package.json'), '{"private":true}');
  expect((await cli(['init'], { cwd: project })).code).toBe(0);
});
afterAll(() => model.close());

/** Usage errors are found out about before a server is started; the rest would need one. */
const HELLO = ['run', 'hello'];
const ANALYST = ['--agents', path.join(TOP, 'agents'), 'run', 'repo-analyst', 'where?'];

interface Wrong {
  args: string[];
  env?: { [name: string]: string };
  code: number;
  errorCode: string;
  /** What is wrong, and what to do about it. */
  says: RegExp;
}
const WRONG: { [what: string]: Wrong } = {
  'an unknown agent': {
    args: ['run', 'nobody', 'hello'],
    code: 2,
    errorCode: 'unknown-agent',
    says: /there is no agent "nobody"\. Known: hello\./,
  },
  'input that is not JSON': {
    args: [...HELLO, '--input', '{"name":'],
    code: 2,
    errorCode: 'invalid-input',
    says: /--input is not JSON/,
  },
  "input that fails the agent's schema": {
    args: [...HELLO, '--input', '{"name":5}'],
    code: 2,
    errorCode: 'invalid-input',
    says: /does not fit agent hello: name: .*expected string/,
  },
  'a priority that there is not': {
    args: [...HELLO, '--priority', 'urgent'],
    code: 2,
    errorCode: 'usage',
    says: /--priority .*'urgent' is invalid\. Allowed choices are high, normal, low\./,
  },
  'a question that is missing': {
    args: ANALYST.slice(0, -1),
    code: 2,
    errorCode: 'invalid-input',
    says: /repo-analyst takes a text: longhaul run repo-analyst "\.\.\."/,
  },
  'a folder that is not there': {
    args: [...ANALYST, '--dir', 'no/such/folder'],
    code: 2,
    errorCode: 'invalid-input',
    says: /--dir: there is no folder .*no\/such\/folder/,
  },
  'a folder that is a file': {
    args: [...ANALYST, '--dir', 'package.json'],
    code: 2,
    errorCode: 'invalid-input',
    says: /--dir: .*package\.json is not a folder/,
  },
  'a folder for an agent that takes none': {
    args: [...HELLO, '--dir', '.'],
    code: 2,
    errorCode: 'invalid-input',
    says: /hello takes no folder: leave --dir out/,
  },
  'a Temporal that does not answer': {
    args: HELLO,
    env: { TEMPORAL_ADDRESS: '127.0.0.1:1' },
    code: 1,
    errorCode: 'temporal-unreachable',
    says: /Temporal at 127\.0\.0\.1:1 cannot be reached .*: start it, or correct TEMPORAL_ADDRESS/,
  },
  'a Temporal CLI that is not there': {
    args: HELLO,
    env: { LONGHAUL_TEMPORAL_CLI: '/no/such/temporal' },
    code: 1,
    errorCode: 'temporal-cli-not-found',
    says: /LONGHAUL_TEMPORAL_CLI.*\/no\/such\/temporal/,
  },
  'a store that is none': {
    args: ['--store', 'mysql://me:secret@host/db', ...HELLO],
    code: 2,
    errorCode: 'misconfigured',
    says: /store "mysql" is not known\. Write "lmdb:<folder>", "postgres:/,
  },
  'an unknown option': {
    args: [...HELLO, '--bogus'],
    code: 2,
    errorCode: 'usage',
    says: /unknown option '--bogus'\. "longhaul run --help" shows/,
  },
  'an unknown command': {
    args: ['rnu'],
    code: 2,
    errorCode: 'usage',
    says: /unknown command 'rnu' \(Did you mean run\?\)\. "longhaul --help" shows/,
  },
  'an option without its value': {
    args: [...HELLO, '--id'],
    code: 2,
    errorCode: 'usage',
    says: /option '--id <id>' argument missing\. "longhaul run --help" shows/,
  },
  'an unknown run': {
    args: ['show', 'run_nobody'],
    code: 2,
    errorCode: 'run-not-found',
    says: /there is no run "run_nobody" in this store\. "longhaul list" shows/,
  },
  'an unknown run to end': {
    args: ['cancel', 'run_nobody', '--reason', 'none'],
    code: 2,
    errorCode: 'run-not-found',
    says: /there is no run "run_nobody"/,
  },
  ...Object.fromEntries(
    ['', '1e0', ' 1', '0', '1.0', '0x1'].map((number) => [
      `"${number}" for the number of a request`,
      {
        args: ['approve', 'run_nobody', number],
        code: 2,
        errorCode: 'usage',
        says: /'number'\. it is a whole number from 1\. "longhaul approve --help" shows/,
      },
    ]),
  ),
  'nobody to submit to': {
    args: ['submit', 'hello'],
    code: 1,
    errorCode: 'temporal-unreachable',
    says: /no Temporal server is running for this folder: start one with "longhaul dev"/,
  },
};

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
const STACK = /^\s+at .*[:(]\d+|node:internal|\.js:\d+/m;

/** Says it in one line on standard error, and in one document on standard output. */
function expectError(told: Ended, { code, errorCode, says }: Omit<Wrong, 'args' | 'env'>): void {
  expect(told).toMatchObject({ code, stderr: expect.stringMatching(says) as string });
  expect(told.stderr).toMatch(/^error {2}.*\n$/);
  expect(lines(told.stdout).at(0)).toBe('{');
  expect(JSON.parse(told.stdout)).toEqual({
    error: { code: errorCode, message: expect.stringMatching(says) as string },
  });
  expect(told.stdout + told.stderr).not.toMatch(STACK);
  expect(told.stdout + told.stderr).not.toContain('secret');
}

test.each(Object.entries(WRONG))('%s', async (_, { args, env = {}, ...wrong }) => {
  expectError(await cli(['--json', ...args], { cwd: project, env }), wrong);
});

test('without --json standard output stays empty, and standard error ends with the line', async () => {
  const told = await cli(['run', 'nobody', 'hello'], { cwd: project });
  expect(told).toMatchObject({ code: 2, stdout: '' });
  expect(lines(told.stderr)).toEqual(['error  there is no agent "nobody". Known: hello.']);
});

test('none of it left a run behind', async () => {
  const { code, stdout } = await cli(['list', '--json'], { cwd: project });
  expect({ code, listed: JSON.parse(stdout) as unknown }).toEqual({ code: 0, listed: { runs: [], more: false } });
});

describe('a configuration', () => {
  const broken = path.join(project, 'broken');
  const CONFIGS: [string, string, RegExp][] = [
    ['that does not parse', 'export default { models: \n', /longhaul\.config\.ts:2: /],
    ['that throws', 'throw new Error("no luck");\n', /longhaul\.config\.ts:1: no luck/],
    [
      'with a setting that does not exist',
      'export default { modls: {} };\n',
      /longhaul\.config\.ts: modls: there is no such setting/,
    ],
    [
      'with a model that is none',
      "export default { models: { default: 'gpt' } };\n",
      /"gpt" is not a model: write provider\/model/,
    ],
  ];
  test.each(CONFIGS)('%s', async (_, content, says) => {
    mkdirSync(broken, { recursive: true });
    writeFileSync(path.join(broken, 'longhaul.config.ts'), content);
    const told = await cli(['--json', 'run', 'hello'], { cwd: broken });
    expectError(told, { code: 2, errorCode: 'misconfigured', says });
    expect(lines(told.stderr)).toHaveLength(1);
    expect(readdirSync(broken).filter((name) => name !== '.longhaul')).toEqual(['longhaul.config.ts']);
  });
});

test('an agent that does not load: the file, the line and the reason', async () => {
  const agents = path.join(project, 'broken-agents', 'bad');
  mkdirSync(agents, { recursive: true });
  writeFileSync(
    path.join(agents, 'agent.ts'),
    "import { defineAgent } from 'longhaul';\n\nthrow new Error('half written');\n",
  );
  const told = await cli(['--json', '--agents', 'broken-agents', 'run', 'bad', 'hello'], { cwd: project });
  expectError(told, {
    code: 2,
    errorCode: 'unknown-agent',
    says: /there is no agent "bad" that loads: broken-agents\/bad\/agent\.ts:3: half written/,
  });
});

test('a wrong key: one call, no retry, a typed failure that names where the key comes from and shows nothing of it', async () => {
  const env = { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: model.url };
  const told = await cli(['--json', 'run', 'hello', '--id', 'wrong-key'], { cwd: project, env });
  expect(told.code).toBe(1);
  expect(JSON.parse(told.stdout)).toMatchObject({
    runId: 'wrong-key',
    outcome: 'failed',
    failure: { type: 'Model.Authentication', message: expect.stringContaining('Check OPENAI_API_KEY') as string },
  });
  expect(model.counts()).toMatchObject({ requests: 1, refused: 1 });
  const shown = await cli(['show', 'wrong-key'], { cwd: project });
  expect(shown.stdout).toMatch(/failure +Model\.Authentication: .*refused the key \(401\)/);
  expect(told.stdout + told.stderr + shown.stdout + shown.stderr).not.toContain(KEY.slice(3, 15));
});
