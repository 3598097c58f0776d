// Needs a Temporal server (embedded, real), the model server over HTTP, bash and curl: one call of a run, exactly as the model was asked; what
// changed between two; the request as a command; and the call that a failure goes back to.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { listCommand } from '../../client/cli/commands/list';
import { showCommand } from '../../client/cli/commands/show';
import { traceCommand } from '../../client/cli/commands/trace';
import type { CliContext } from '../../client/cli/context';
import { curlCommand } from '../../client/cli/curl-command';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';
import { testProject, told, type TestProject, type Told } from './given';

const HOSTILE = 'it\'s `id` $(id) $HOME "q" !x \\ \u202edrow\u202c \u009b31m \u001b[31mred \u2028 é 漢';
const KEY = 'sk-of-nobody-else';

const look = defineTool({
  name: 'look',
  description: 'Looks a booking up.',
  input: z.object({ number: z.number().int() }),
  output: z.string(),
  effect: 'read',
  run: ({ number }) => {
    if (number === 13) throw new Error('there is no thirteenth');
    return `booking ${number}: ${HOSTILE}`;
  },
});
const plan = { parameters: { temperature: 0.5 }, tools: [look] };
const clerk = defineAgent({ name: 'clerk', instructions: `Look bookings up. ${HOSTILE}`, ...plan });
const strict = defineAgent({ name: 'strict', instructions: 'Say a number.', output: z.object({ number: z.number() }) });

const run = promisify(execFile);
let model: ModelServer;
let stack: TestStack;
let project: TestProject;
beforeAll(async () => {
  model = await startModelServer({
    respond: ({ messages }) => {
      const turn = messages.filter(({ role }) => role === 'tool').length;
      const text = messages.find(({ role }) => role === 'user')?.text ?? '';
      if (text.includes('number, please')) return script().answer('no number').turnAt(0);
      const number = text.includes('thirteenth') ? 13 : turn + 1;
      return turn < 2 ? script().call('look', { number }).turnAt(0) : script().answer(HOSTILE).turnAt(0);
    },
  });
  stack = await startTestStack({
    agents: [clerk, strict],
    modelUrl: model.url,
    route: ['one/model', 'two/model', 'three/model'],
    apis: { one: 'chat', two: 'responses', three: 'messages' },
  });
  project = testProject();
  const providers = { one: 'chat', two: 'responses', three: 'messages' };
  const configured = Object.entries(providers).map(([name, api]) => [
    name,
    { baseUrl: model.url, api, apiKeyEnv: 'MODEL_SERVER_KEY' },
  ]);
  const config = { providers: Object.fromEntries(configured) as unknown };
  writeFileSync(path.join(project.dir, 'longhaul.config.mjs'), `export default ${JSON.stringify(config)};\n`);
  const start = (agent: string, text: string, id: string) => stack.client.agent(agent).start(text, { id });
  await (await start('clerk', 'Is the thirteenth free?', 'run_thirteen')).result();
  await (await start('strict', 'A number, please.', 'run_strict')).result();
  // From here on each of the route answers once, then the next is asked.
  model.addFaults(
    { when: { path: '/chat/completions', nth: 2, times: 50 }, do: { status: 503 } },
    { when: { path: '/responses', nth: 2, times: 50 }, do: { status: 503 } },
  );
  await (await start('clerk', `Are they free? ${HOSTILE}`, 'run_three')).result();
}, 120_000);
afterAll(async () => {
  await stack.close();
  await model.close();
  project.remove();
});

const ask = (command: (context: CliContext) => Promise<number>, json = false): Promise<Told> =>
  told(project.dir, command, {
    json,
    env: {
      TEMPORAL_ADDRESS: stack.server.address,
      LONGHAUL_STORE: `lmdb:${path.join(stack.stateDir, 'store')}`,
      MODEL_SERVER_KEY: KEY,
    },
  });
const show = (id: string, options: Parameters<typeof showCommand>[2], json = false): Promise<Told> =>
  ask((context) => showCommand(context, id, options), json);
const shownJson = async (id: string, options: Parameters<typeof showCommand>[2]): Promise<unknown> =>
  JSON.parse((await show(id, options, true)).stdout);

const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const callShape = z.object({
  number: z.number(),
  record: z.object({ kind: z.string(), request: z.object({ sha256: z.string() }).optional() }),
  request: z.object({ form: z.string(), isSame: z.boolean(), body: z.string() }).optional(),
});

test('a call is shown with the system prompt, the tools, the parameters and all messages, and nothing of it drives a terminal', async () => {
  const { stdout } = await show('run_three', { call: 3 });
  expect(stdout).toContain('system\nLook bookings up.');
  expect(stdout).toMatch(/tools look\nparameters {"temperature":0.5}/);
  expect(stdout).toContain('booking 1: ');
  expect(stdout).toContain('the same bytes');
  const trace = await ask((context) => traceCommand(context, 'run_three', { wide: true, waterfall: true }));
  for (const text of [stdout, trace.stdout]) expect(text).not.toMatch(/[\u001b\u009b\u202a-\u202e\u2028]/);
});

test.each([
  [1, 'openai-chat'],
  [3, 'openai-responses'],
  [5, 'anthropic-messages'],
] as const)('call %d, by bash: the model server receives the recorded bytes, in the form %s', async (call, form) => {
  const seen = callShape.parse(await shownJson('run_three', { call }));
  expect(seen.request).toMatchObject({ form, isSame: true });
  const { stdout, code } = await show('run_three', { call, curl: true });
  expect(code).toBe(0);
  expect(stdout).toContain('$MODEL_SERVER_KEY');
  expect(stdout).not.toContain(KEY);
  expect(stdout).not.toMatch(/[\u001b\u009b\u202a-\u202e\u2028]/);
  const file = path.join(project.dir, `call-${call}.sh`);
  writeFileSync(file, stdout);
  // As pasted, too: a shell for people replaces what stands behind `!`.
  for (const options of [[], ['--norc', '-o', 'history', '-o', 'histexpand']]) {
    const before = model.requests().length;
    await run('bash', [...options, file], { env: { PATH: process.env['PATH'], MODEL_SERVER_KEY: KEY } });
    const received = model.requests().slice(before);
    expect(received.map(({ body }) => hash(body ?? Buffer.alloc(0)))).toEqual([seen.record.request?.sha256]);
  }
});

test('bodies of any text go through bash as they are', async () => {
  for (const body of [`{"a":"don't !x $HOME"}`, JSON.stringify({ a: HOSTILE, b: '\u007f\u200b\ufeff' }), "'", '\\']) {
    const curl = curlCommand(
      { form: 'openai-chat', path: '/chat/completions', body },
      { api: 'chat', keyFrom: '2nd KEY', baseUrl: 'https://user:secret@example.com/v1/' },
    );
    expect(curl).toContain(`'https://example.com/v1/chat/completions'`);
    expect(curl).toContain(`$(printenv '2nd KEY')`);
    const printed = await run('bash', ['-c', curl.slice(0, curl.lastIndexOf(' |\n'))], { encoding: 'buffer' });
    expect(printed.stdout).toEqual(Buffer.from(body));
  }
});

test('what changed between two calls: the model, and what was said since', async () => {
  expect(await shownJson('run_three', { call: 3, diff: 1 })).toMatchObject({
    ...{ from: 1, to: 3, model: { was: 'one/model', is: 'two/model' }, instructions: null, parameters: [], tools: [] },
    same: 1,
    messages: [
      { change: 'added', before: null, after: 2, is: { role: 'assistant' } },
      { change: 'added', before: null, after: 3, is: { role: 'tool' } },
    ],
  });
  const { stdout } = await show('run_three', { call: 3, diff: 1 });
  expect(stdout).toMatch(/model +one\/model → two\/model/);
  expect(stdout).toContain('1 message the same, 2 added');
  const back = await show('run_three', { call: 1, diff: 3 });
  expect(back.stdout).toContain('1 message the same, 2 removed');
});

test('the call that a failure goes back to, and the last', async () => {
  expect(await shownJson('run_strict', { call: 'failed' })).toMatchObject({
    record: { kind: 'model', answer: { problem: { type: 'Model.InvalidOutput' } } },
  });
  expect(await shownJson('run_thirteen', { call: 'failed' })).toMatchObject({
    record: { kind: 'tool', result: { failure: 'Tool.Failed' } },
  });
  expect(await shownJson('run_three', { call: 'last' })).toMatchObject({ number: 5, record: { kind: 'model' } });
});

test.each([
  ['a call that there is none of', 'run_three', { call: 99 }, 'run run_three has calls 1 to 5'],
  ['no failed call', 'run_three', { call: 'failed' }, 'no call of run run_three has failed: "--call last"'],
  ['a tool call as a request', 'run_three', { call: 2, curl: true }, 'it is a call of the tool look'],
  [
    'a tool call compared',
    'run_three',
    { call: 3, diff: 2 },
    'call 2 cannot be compared: it is a call of the tool look',
  ],
  ['no call', 'run_three', { curl: true }, '--diff and --curl are of one call'],
  ['both', 'run_three', { call: 1, diff: 1, curl: true }, 'give one of them'],
] as const)('%s is refused with what to do', async (_, id, options, said) => {
  await expect(show(id, options)).rejects.toThrow(said);
});

test('runs are found by their failure, or that of a call; by release; by time', async () => {
  const listed = async (options: Omit<Parameters<typeof listCommand>[1], 'limit'>): Promise<string[]> => {
    const { stdout } = await ask((context) => listCommand(context, { limit: 20, ...options }), true);
    return z
      .object({ runs: z.array(z.object({ id: z.string() })) })
      .parse(JSON.parse(stdout))
      .runs.map(({ id }) => id);
  };
  const { release } = await stack.client.run('run_strict').record();
  expect(await listed({ failure: 'Model.InvalidOutput' })).toEqual(['run_strict']);
  expect(await listed({ failure: 'Tool.Failed', agent: 'clerk', since: 3_600_000 })).toEqual(['run_thirteen']);
  expect(await listed({ failure: 'Tool.Failed', agent: 'strict' })).toEqual([]);
  expect(await listed({ release: release.slice(0, 12) })).toEqual(['run_strict']);
  expect(await listed({ since: 3_600_000 })).toEqual(['run_three', 'run_strict', 'run_thirteen']);
  expect(await listed({ since: -1 })).toEqual([]);
});

test('a call that was not answered has no record: what it asked is printed all the same, in the bytes that the server got', async () => {
  model.addFaults({ when: { bodyIncludes: 'Refuse me' }, do: { status: 400 } });
  model.addFaults({
    when: { bodyIncludes: 'Refuse the second', match: ({ assistantTurns }) => assistantTurns > 0 },
    do: { status: 400 },
  });
  for (const [id, text] of [
    ['run_refused', 'Refuse me.'],
    ['run_refused_later', 'Refuse the second.'],
  ] as const) {
    const before = model.requests().length;
    await (await stack.client.agent('clerk').start(text, { id })).result();
    // All three of the route were asked and refused it; the first is printed.
    const got = model
      .requests()
      .slice(before)
      .map(({ body }) => hash(body ?? Buffer.alloc(0)));
    const shown = await shownJson(id, { call: 'failed' });
    const { request } = z.object({ request: z.object({ sha256: z.string(), body: z.string() }) }).parse(shown);
    expect(hash(Buffer.from(request.body))).toBe(request.sha256);
    expect(got).toContain(request.sha256);
    expect(shown).toMatchObject({ call: null, failure: { type: 'Model.BadRequest' }, request: { isSame: null } });
    expect((await show(id, { call: 'failed' })).stdout).toMatch(
      /not answered(.|\n)*system\nLook bookings up(.|\n)*Refuse/,
    );
    expect((await show(id, { call: 'failed', curl: true })).stdout).toContain(text);
  }
  await expect(show('run_refused', { call: 'failed', diff: 1 })).rejects.toThrow('leave --diff out');
  const { stderr } = await ask((context) => listCommand(context, { limit: 20, failure: 'Model.BadRequest' }));
  for (const id of ['run_refused', 'run_refused_later'])
    expect(stderr).toMatch(
      new RegExp(`^failed {2}${id}: a model call that was not answered: longhaul show ${id} --call failed$`, 'm'),
    );
});
