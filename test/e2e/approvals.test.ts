// Needs: the built command line (npm run build), a Temporal CLI, free ports. What a run asks people, asked and answered by commands: by
// whom the policy names alone, and across the end of every process that was there when it was asked.
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  cli,
  hasTerminals,
  runId,
  scratchFolder,
  startAtTerminal,
  startCli,
  TOP,
  until,
  type Ended,
  type RunningProcess,
} from './cli';

/** Some twenty commands, a process each, beside whatever else the machine does. */
jest.setTimeout(300_000);

const project = scratchFolder();
const SPENT = path.join(project, 'spent.log');
const AGENT = `
import { appendFileSync } from 'node:fs';
import { defineAgent, defineTool, defineToolbox } from 'longhaul';
import { z } from 'zod';
const pay = defineTool({
  name: 'pay', description: 'x', effect: 'at-most-once', input: z.object({ pay: z.string() }), output: z.string(),
  toolbox: defineToolbox({ name: 'bank' }),
  approval: { by: 'finance' },
  run: ({ pay }, { effectKey }) => { appendFileSync(${JSON.stringify(SPENT)}, pay + ' ' + effectKey + '\\n'); return 'paid ' + pay; },
});
export const payer = defineAgent({ name: 'payer', instructions: 'x', input: z.object({ pay: z.string() }), tools: [pay] });
`;
/** Sealed: the answers of updates are payloads as any. */
const KEYS = { LONGHAUL_KEYS: `mine:${randomBytes(32).toString('base64')}` };
const MINE = { ...KEYS, LONGHAUL_IDENTITY: path.join(project, 'mine.pem') };
const THEIRS = { ...KEYS, LONGHAUL_IDENTITY: path.join(project, 'theirs.pem') };
const spent = (): string[] => (existsSync(SPENT) ? readFileSync(SPENT, 'utf8').split('\n').filter(Boolean) : []);
const ask = (args: readonly string[], env: Record<string, string> = MINE): Promise<Ended> =>
  cli(args, { cwd: project, env });
/** What a terminal was sent, without colours and without what was taken away again. */
const plain = (text: string): string => text.replaceAll(/\u001b\[[\d;?]*[A-Za-z]/g, '').replaceAll(/\r/g, '');
let dev: RunningProcess | undefined;

const up = async (env: Record<string, string> = {}): Promise<RunningProcess> => {
  dev = await startCli(['dev', '--metrics-port', '0'], { cwd: project, env: { ...MINE, ...env } });
  await dev.saying(/^ready /m);
  return dev;
};

/** Another system that is told. */
const heard: { about: string; run: string }[] = [];
let hook: Server;

beforeAll(async () => {
  hook = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += String(chunk)));
    request.on('end', () => {
      heard.push(JSON.parse(body) as { about: string; run: string });
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  writeFileSync(path.join(project, 'package.json'), '{"private":true}');
  mkdirSync(path.join(project, 'agents', 'payer'), { recursive: true });
  mkdirSync(path.join(project, 'node_modules'));
  symlinkSync(path.join(TOP, 'node_modules/zod'), path.join(project, 'node_modules/zod'));
  writeFileSync(path.join(project, 'agents', 'payer', 'agent.ts'), AGENT);
  const made = await ask(['identity']);
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ed25519:[\w-]{43}\n$/) });
  expect(made.stderr).toContain('longhaul.config.ts does not know it yet');
  const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`;
  const webhook = { url, secretEnv: 'HOOK_SECRET' };
  const people = { alice: { key: made.stdout.trim(), roles: ['finance'] } };
  writeFileSync(path.join(project, 'longhaul.config.ts'), `export default ${JSON.stringify({ people, webhook })};`);
  expect((await ask(['identity'])).stderr).toContain('known as alice (finance)');
});
afterAll(async () => {
  dev?.kill('SIGTERM');
  await dev?.ended;
  hook.close();
});

test('asked without a terminal, it waits; who may not answer is refused; who may is heard after every process has been killed', async () => {
  const asked = await ask(['run', 'payer', '--input', '{"pay":"7 EUR"}']);
  expect(asked.code).toBe(5);
  const id = runId(asked.stderr);
  expect(asked.stdout).toContain(`longhaul approve ${id} 1`);
  expect(spent()).toEqual([]);

  const inbox = await ask(['inbox']);
  expect(inbox.stdout).toContain(`pay {"pay":"7 EUR"}`);
  expect(inbox.stdout).toMatch(/^run_\w+ {2}1 {2}payer {2}\S.* left, then the run ends as escalated {2}finance$/m);
  expect(JSON.parse((await ask(['inbox', '--json'])).stdout)).toMatchObject({
    requests: [{ id, request: { number: 1, tool: 'pay', arguments: { pay: '7 EUR' }, by: [['finance']] } }],
  });

  // No server runs, and who looks is told all the same.
  const asks = `pay {"pay":"7 EUR"}   longhaul approve ${id} 1`;
  const looks = [['list'], ['show', id], ['trace', id]];
  const told = await Promise.all([...looks, ...looks.map((look) => [...look, '--json'])].map((look) => ask(look)));
  const [listed, shownNow, traced, ...json] = told;
  expect(listed?.stdout).toMatch(new RegExp(`^${id} +payer +asking `, 'm'));
  expect(listed?.stderr).toContain(`asks  ${id}  1  ${asks}`);
  expect(shownNow?.stdout).toMatch(/^status +asking\nwaits for a person: 1 {2}pay /m);
  expect(traced?.stdout).toMatch(/asked 1: pay \{"pay":"7 EUR"\} {2}\+\d+[^+]* {2}nobody has answered\n/);
  expect(traced?.stdout).toContain(`asks  1  ${asks}`);
  for (const { stdout } of json) {
    const said = JSON.parse(stdout) as { runs?: { status: string; requests: unknown }[]; waiting?: unknown };
    expect(said.runs?.[0] ?? said).toMatchObject({ status: 'asking' });
    expect(said.runs?.[0]?.requests ?? said.waiting).toEqual([{ number: 1, question: 'pay {"pay":"7 EUR"}' }]);
  }

  const first = await up();
  expect(first.stderr()).toMatch(
    new RegExp(`^unfinished {2}${id} {2}payer {2}".*": waits for a person, 1 call kept$`, 'm'),
  );
  expect(first.stderr()).toContain(`1  ${asks}`);
  expect(first.stderr()).toContain('HOOK_SECRET, the secret of the webhook, is not set: nobody is told');
  await ask(['identity'], THEIRS);
  const theirs = await ask(['approve', id, '1'], THEIRS);
  expect(theirs).toMatchObject({ code: 1 });
  expect(theirs.stderr).toContain('request 1 must be decided by finance');
  expect(await ask(['approve', id, '4'])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('it asks 1 (pay)'),
  });
  const misfit = await ask(['approve', id, '1', '--args', '{"pay":7}']);
  expect(misfit).toMatchObject({ code: 2, stderr: expect.stringContaining('the arguments do not fit pay: pay:') });
  first.kill('SIGKILL');
  await first.ended;

  await up({ HOOK_SECRET: 'hush' });
  expect(await ask(['approve', id, '1', '--args', '{"pay":"6 EUR"}', '--reason', 'six is due'])).toMatchObject({
    code: 0,
  });
  expect(await ask(['tail', id])).toMatchObject({ code: 0 });
  expect(spent()).toEqual([expect.stringMatching(/^6 EUR [0-9a-f]{32}$/)]);
  expect((await ask(['inbox'])).stderr).toContain('nothing waits for a person');
  const shown = await ask(['show', id]);
  expect(shown.stdout).toMatch(
    /^asked +1 pay \{"pay":"7 EUR"\}: approved by alice \(signed\), with \{"pay":"6 EUR"\}: six is due$/m,
  );
  const decided = await ask(['trace', id]);
  expect(decided.stdout).toMatch(
    /─ asked 1: pay \{"pay":"7 EUR"\} {2}\+\d+[^+]* {2}\d[^+]* {2}approved by alice \(signed\), with \{"pay":"6 EUR"\}: six is due\n.*─ \d+\. tool pay /,
  );
  const late = await ask(['deny', id, '1']);
  expect(late).toMatchObject({ code: 1, stderr: expect.stringContaining('has ended already: completed') });
});

test('what a run asked when it was cancelled leaves the inbox, and who was told of it is told', async () => {
  const { stdout } = await ask(['submit', 'payer', '--input', '{"pay":"9 EUR"}']);
  const id = stdout.trim();
  await until('question', async () => (await ask(['inbox'])).stdout.includes(id));
  expect(await ask(['cancel', id, '--reason', 'enough'])).toMatchObject({ code: 0 });
  expect(await ask(['tail', id])).toMatchObject({ code: 3 });
  expect((await ask(['inbox'])).stderr).toContain('nothing waits for a person');
  expect((await ask(['show', id])).stdout).toMatch(/^asked +1 pay \{"pay":"9 EUR"\}: withdrawn, the run has ended$/m);
  expect(heard.filter(({ run }) => run === id).map(({ about }) => about)).toEqual(['asked', 'withdrawn']);
  expect(spent()).toHaveLength(1);
});

describe('at a terminal', () => {
  if (!hasTerminals()) {
    test('nothing is asked here', () => console.log('script of util-linux is not installed: nobody can be asked'));
    return;
  }
  const ASKED = /approve it\? \[y\]es, \[n\]o, \[l\]ater: /;
  const asked = async (sum: string, env = MINE): Promise<RunningProcess> => {
    const run = await startAtTerminal(['run', 'payer', '--input', JSON.stringify({ pay: sum })], {
      ...{ cwd: project, env },
    });
    await run.saying(ASKED);
    expect(run.stdout()).toContain(`pay {"pay":"${sum}"}`);
    return run;
  };

  test('yes, by whom the policy names: the call is made', async () => {
    const before = spent().length;
    const run = await asked('1 EUR');
    expect(spent()).toHaveLength(before);
    run.type('y\r');
    expect(await run.ended).toMatchObject({ code: 0 });
    expect(spent().slice(before)).toEqual([expect.stringMatching(/^1 EUR /)]);
    expect((await ask(['show', runId(plain(run.stdout()))])).stdout).toMatch(/: approved by alice \(signed\)$/m);
  });

  test('no, and why: the model is told', async () => {
    const before = spent().length;
    const run = await asked('2 EUR');
    run.type('n\r');
    await run.saying(/why\? /);
    run.type('not two\r');
    expect(await run.ended).toMatchObject({ code: 0 });
    expect(spent()).toHaveLength(before);
    expect((await ask(['show', runId(plain(run.stdout()))])).stdout).toMatch(/: denied by alice \(signed\): not two$/m);
  });

  test('what is no answer is asked again', async () => {
    const run = await asked('4 EUR');
    run.type('maybe\r');
    await run.saying(new RegExp(`${ASKED.source}[^]*${ASKED.source}`));
    run.type('n\r');
    await run.saying(/why\? \(told to the model; /);
    run.type('\r');
    expect(await run.ended).toMatchObject({ code: 0 });
  });

  test('whoever may not decide is told so, and the run is left for who may', async () => {
    const before = spent().length;
    const run = await asked('5 EUR', THEIRS);
    run.type('y\r');
    const { code, stdout } = await run.ended;
    const id = runId(plain(stdout));
    expect(code).toBe(5);
    expect(stdout).toContain('request 1 must be decided by finance, who sign it');
    expect(stdout).toContain(`longhaul approve ${id} 1`);
    expect(spent()).toHaveLength(before);
    expect(await ask(['cancel', id])).toMatchObject({ code: 0 });
  });

  test.each([
    ['later', 'l\r'],
    ['Ctrl-D', '\u0004'],
  ])('%s leaves the run, and says how to answer', async (_, typed) => {
    const run = await asked(`3 EUR ${typed.length}`);
    run.type(typed);
    const { code, stdout } = await run.ended;
    const id = runId(plain(stdout));
    expect(code).toBe(5);
    expect(stdout).toContain(`longhaul approve ${id} 1`);
    expect(await ask(['cancel', id])).toMatchObject({ code: 0 });
  });
});
