// Needs: the built command line (npm run build), a Temporal CLI, free ports, sh. The README's lines for Temporal's own command line, as
// they stand there, typed at the runs of a real `longhaul dev` whose model answers when the test lets it.
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { canonicalJson } from '../../activities/store';
import { openStore } from '../../activities/store/open-store';
import type { PersonRequest } from '../../workflows/contract/approval';
import type { RunProgress, RunTranscript } from '../../workflows/contract/run';
import { readTracked } from '../habits/tracked-files';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { temporalCli } from '../stack/test-stack';
import { TOP, cli, scratchFolder, start, startCli, until, type Ended, type RunningProcess } from './cli';
import { consoleLines, section } from './readme-text';

/** A server, two runs and a process a line, beside whatever else the machine does. */
jest.setTimeout(180_000);
const PATIENCE_MS = 90_000;

const documented = consoleLines(section(readTracked('README.md'), "Inspect a run with Temporal's own tools"));
const typed = new Set<string>();
const project = scratchFolder();
const bin = path.join(project, 'bin');
const AGENTS = ['--agents', path.join(TOP, 'agents')];
const QUESTION = 'Which files are there?';

let model: ModelServer;
let dev: RunningProcess;
let run: string;

beforeAll(async () => {
  mkdirSync(bin);
  symlinkSync(await temporalCli(), path.join(bin, 'temporal'));
  model = await startModelServer({
    script: script().call('list_files', {}).answer('never said'),
    faults: [
      { when: { match: ({ assistantTurns }) => assistantTurns === 0 }, do: { hold: 'first answer' } },
      { when: { match: ({ assistantTurns }) => assistantTurns === 1 }, do: { hang: true } },
    ],
  });
  const env = { OPENAI_BASE_URL: model.url, OPENAI_API_KEY: 'sk-test-key-of-the-model-server' };
  dev = await startCli([...AGENTS, 'dev', '--metrics-port', '0'], { cwd: project, env });
  await dev.saying(/^ready /m);
  run = await submitted();
  await requested(1);
});
afterAll(async () => {
  dev.kill('SIGTERM');
  await dev.ended;
  await model.close();
});

async function submitted(): Promise<string> {
  const args = [...AGENTS, 'submit', 'repo-analyst', QUESTION, '--dir', path.join(TOP, 'workflows')];
  const { code, stdout, stderr } = await cli(args, { cwd: project });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.trim();
}

const requested = (count: number) => model.until(({ requests }) => requests >= count, PATIENCE_MS);

/** What stands for its capitals in a line of the README. */
interface Placeholders {
  ARGS?: string;
  RESULT?: string;
}

/** Types the one line of the README that begins so into a shell, with a run's id for RUN. What it said, when it succeeded. */
async function temporal(beginning: string, id = run, given: Placeholders = {}): Promise<string> {
  const { line, code, stdout, stderr } = await typedLine(beginning, id, given);
  expect({ line, code, stderr }).toEqual({ line, code: 0, stderr: '' });
  return stdout;
}

async function typedLine(beginning: string, id: string, given: Placeholders): Promise<Ended & { line: string }> {
  const [line, ...others] = documented.filter((each) => each.startsWith(`temporal ${beginning}`));
  if (line === undefined || others.length > 0)
    throw new Error(`one line of the README must begin "temporal ${beginning}": ${documented.join('\n')}`);
  typed.add(line);
  const address = /^temporal {2}(\S+:\d+), /m.exec(dev.stdout())?.[1] ?? 'none';
  const env = { TEMPORAL_ADDRESS: address, PATH: [bin, process.env['PATH']].join(path.delimiter) };
  const command = Object.entries({ RUN: id, ...given }).reduce(
    (text, [name, value]) => text.replace(new RegExp(`\\b${name}\\b`), value),
    line,
  );
  return { line, ...(await (await start('sh', ['-c', command], { cwd: project, env })).ended) };
}

/** Of a query's answer, the JSON. */
const answered = (said: string): unknown => JSON.parse(said.slice(said.indexOf('{')));
const progressOf = async (id: string): Promise<RunProgress> =>
  answered(await temporal('workflow query -w RUN --type progress', id)) as RunProgress;
const progress = (): Promise<RunProgress> => progressOf(run);
const transcript = async (): Promise<RunTranscript> =>
  answered(await temporal('workflow query -w RUN --type transcript')) as RunTranscript;
const underWay = ({ steps }: RunProgress): string[] =>
  steps.filter(({ state }) => state === 'running').map(({ label }) => label);

const described = async (id: string, status: RegExp): Promise<string> => {
  let said = '';
  // A run has told its end before its workflow closes.
  await until(
    `${id} as ${status.source}`,
    async () => status.test((said = await temporal('workflow describe', id))),
    PATIENCE_MS,
  );
  return said;
};

/** Follows it to its end. */
const tailed = (id: string): Promise<Ended> => cli(['tail', id], { cwd: project });

test('list finds the run by its agent', async () => {
  await until(
    'run in the list',
    async () => new RegExp(`Running +${run} +agentRun`).test(await temporal('workflow list')),
    PATIENCE_MS,
  );
});

test('describe shows its question, its search attributes and the call under way', async () => {
  const said = await temporal('workflow describe');
  expect(said).toMatch(new RegExp(`WorkflowId +${run}`));
  expect(said).toMatch(/Memo .*question.*Which files are there\?/);
  for (const shown of [/AgentName\b.*repo-analyst/, /AgentRelease\b.*\b[0-9a-f]{12}\b/, /TenantId\b.*default/])
    expect(said).toMatch(new RegExp(`SearchAttributes .*${shown.source}`));
  expect(said).toMatch(/Pending Activities: 1[^]*Type +callModel/);
});

test('show lists its events', async () => {
  const events = [...(await temporal('workflow show')).matchAll(/^ +\d+ +\S+ +(\w+)/gm)].map(([, type]) => type);
  expect(events).toEqual(expect.arrayContaining(['WorkflowExecutionStarted', 'ActivityTaskScheduled']));
});

test('the queries tell where it is, and what was said', async () => {
  const now = await progress();
  expect(now).toMatchObject({ agent: 'repo-analyst', status: 'running', turn: 1, totals: { modelCalls: 0 } });
  expect(underWay(now)).toEqual(['model, turn 1']);
  expect((await transcript()).messages).toMatchObject([
    { role: 'user', preview: expect.stringContaining(QUESTION) as string },
  ]);
  expect(await temporal('workflow query -w RUN --type pendingApprovals')).toMatch(/QueryResult +(null|\[\])/);
});

test('pause stops it before its next step, and the reason is told', async () => {
  await temporal('workflow signal -w RUN --name pause');
  expect(await progress()).toMatchObject({ status: 'paused', reason: 'lunch' });
  // The model asks for a tool now: who is not paused calls it in the same workflow task that counts the answer.
  expect(model.release('first answer')).toBe(1);
  await until('answer', async () => (await progress()).totals.modelCalls === 1, PATIENCE_MS);
  const now = await progress();
  expect(now).toMatchObject({ status: 'paused', reason: 'lunch', turn: 1, totals: { toolCalls: 0 } });
  expect(underWay(now)).toEqual([]);
  expect(await transcript()).toMatchObject({
    head: now.head,
    length: 2,
    messages: [{ role: 'user' }, { role: 'assistant' }],
  });
});

test('resume lets it go on', async () => {
  await temporal('workflow signal -w RUN --name resume');
  await requested(2);
  const now = await progress();
  expect(now).toMatchObject({ status: 'running', turn: 2, totals: { toolCalls: 1 } });
  expect(now.reason).toBeUndefined();
  expect((await transcript()).messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool']);
});

test('update steer is kept for its next turn, and update extend lets it use more', async () => {
  const { turns } = (await progress()).limits;
  await temporal('workflow update execute -w RUN --name steer');
  await temporal('workflow update execute -w RUN --name extend');
  const { limits, steps } = await progress();
  expect(limits.turns).toBe(turns + 10);
  expect(steps.slice(-2)).toMatchObject([
    { label: 'a person says', preview: 'leave the tests alone' },
    { label: 'may use more: 10 turns' },
  ]);
});

test('update cancel ends it at once, and its reason is kept', async () => {
  await temporal('workflow update execute -w RUN --name cancel');
  expect(await tailed(run)).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/^cancelled {2}Run\.Cancelled: changed my mind$/m) as string,
  });
  await model.until(({ closedByClient }) => closedByClient >= 1, PATIENCE_MS);
  expect(await progress()).toMatchObject({ result: { outcome: 'cancelled', failure: { message: 'changed my mind' } } });
  // As the README has it: the update alone cannot end it as Cancelled.
  expect(await described(run, /Status +FAILED/)).toMatch(/FailureType\b.*Run\.Cancelled.*RunOutcome\b.*cancelled/);
});

test("Temporal's own cancel ends another", async () => {
  const another = await submitted();
  await requested(3);
  await temporal('workflow cancel', another);
  expect(await tailed(another)).toMatchObject({ code: 3 });
  await model.until(({ closedByClient }) => closedByClient >= 2, PATIENCE_MS);
  await described(another, /Status +CANCELED/);
});

describe('what a run asks people', () => {
  const payer = path.join(project, 'payer');
  const PAID = path.join(payer, 'paid.log');
  const paid = (): string[] => (existsSync(PAID) ? readFileSync(PAID, 'utf8').split('\n').filter(Boolean) : []);
  const AGENT = `
import { appendFileSync } from 'node:fs';
import { defineAgent, defineTool } from 'longhaul';
import { z } from 'zod';
const look = defineTool({
  name: 'look', description: 'x', effect: 'read', input: z.object({}), output: z.string(), run: () => 'seen',
});
const pay = defineTool({
  name: 'pay', description: 'x', effect: 'keyed', input: z.object({ to: z.string() }), output: z.string(),
  approval: { when: { arg: 'to', is: 'Ada' } }, retry: { attempts: 1 }, onFailure: 'escalate',
  run: ({ to }) => {
    if (to === 'nobody') throw new Error('there is nobody');
    appendFileSync(${JSON.stringify(PAID)}, to + '\\n');
    return 'paid ' + to;
  },
});
export const payer = defineAgent({ name: 'payer', instructions: 'x', input: z.object({ to: z.string() }), tools: [look, pay] });
`;
  let treasury: ModelServer;
  beforeAll(async () => {
    // The lines are typed at whichever `dev` runs.
    dev.kill('SIGTERM');
    await dev.ended;
    mkdirSync(path.join(payer, 'agents', 'payer'), { recursive: true });
    mkdirSync(path.join(payer, 'node_modules'));
    symlinkSync(path.join(TOP, 'node_modules/zod'), path.join(payer, 'node_modules/zod'));
    writeFileSync(path.join(payer, 'package.json'), '{"private":true}');
    writeFileSync(path.join(payer, 'agents', 'payer', 'agent.ts'), AGENT);
    treasury = await startModelServer({
      respond: ({ assistantTurns, messages }) => {
        const to = /"to":"(\w+)"/.exec(messages.find(({ role }) => role === 'user')?.text ?? '')?.[1];
        if (assistantTurns === 0) return { calls: [{ name: 'look', args: {} }] };
        return assistantTurns === 1 ? { calls: [{ name: 'pay', args: { to } }] } : { text: 'done' };
      },
    });
    const env = { OPENAI_BASE_URL: treasury.url, OPENAI_API_KEY: 'sk-test-key-of-the-model-server' };
    dev = await startCli(['dev', '--metrics-port', '0'], { cwd: payer, env });
    await dev.saying(/^ready /m);
  });
  afterAll(() => treasury.close());

  const paying = async (to: string): Promise<string> => {
    const { code, stdout, stderr } = await cli(['submit', 'payer', '--input', JSON.stringify({ to })], { cwd: payer });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout.trim();
  };
  /** Of the request that it asks, the name of the arguments. */
  const asked = async (id: string, kind: PersonRequest['kind']): Promise<string> => {
    let request: PersonRequest | undefined;
    await until(
      `${id} asks`,
      async () => {
        const said = await temporal('workflow query -w RUN --type pendingApprovals', id);
        [request] = JSON.parse(/\[.*\]/.exec(said)?.[0] ?? '[]') as PersonRequest[];
        return request !== undefined;
      },
      PATIENCE_MS,
    );
    expect(request).toMatchObject({ number: 1, kind, tool: 'pay' });
    return request?.args ?? '';
  };
  const ended = (id: string): Promise<Ended> => cli(['tail', id], { cwd: payer });
  const eventsOf = async (id: string): Promise<number> =>
    [...(await temporal('workflow show', id)).matchAll(/^ +\d+ +\S+ +\w+/gm)].length;

  test('an approve that does not fit is refused, and leaves nothing in the history; one that fits lets the call be made', async () => {
    const id = await paying('Ada');
    const args = await asked(id, 'approval');
    const before = await eventsOf(id);
    const line = 'workflow update execute -w RUN --name approve';
    expect(await typedLine(line, id, { ARGS: '0'.repeat(64) })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`request 1 is about other arguments: args must be ${args}`) as string,
    });
    // Another number than the README's line has.
    expect(await typedLine(line, id, { ARGS: `${args}","number":7,"reason":"` })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no request 7 (open: 1)') as string,
    });
    expect(await eventsOf(id)).toBe(before);
    expect(paid()).toEqual([]);
    await temporal(line, id, { ARGS: args });
    expect(await ended(id)).toMatchObject({ code: 0 });
    expect(paid()).toEqual(['Ada']);
  });

  test('what steer says, the model of a run that asks hears after the answer', async () => {
    const id = await paying('Ada');
    const args = await asked(id, 'approval');
    await temporal('workflow update execute -w RUN --name steer', id);
    await temporal('workflow update execute -w RUN --name deny', id, { ARGS: args });
    expect(await ended(id)).toMatchObject({ code: 0 });
    expect(treasury.requests().at(-1)?.body?.toString()).toContain('leave the tests alone');
  });

  test('deny tells the model why', async () => {
    const id = await paying('Ada');
    await temporal('workflow update execute -w RUN --name deny', id, { ARGS: await asked(id, 'approval') });
    expect(await ended(id)).toMatchObject({ code: 0 });
    expect((await cli(['show', id], { cwd: payer })).stdout).toMatch(/: denied unsigned: not today$/m);
    expect(paid()).toEqual(['Ada']);
  });

  test('replace gives the result of a call that has failed', async () => {
    const id = await paying('nobody');
    const args = await asked(id, 'failed-call');
    const store = openStore(`lmdb:${path.join(payer, '.longhaul', 'store')}`);
    const [result = ''] = (await store.of('default').commit({ objects: [canonicalJson('by hand')] })).hashes;
    await store.close();
    await temporal('workflow update execute -w RUN --name replace', id, { ARGS: args, RESULT: result });
    expect(await ended(id)).toMatchObject({ code: 0 });
    expect((await cli(['show', id, '--transcript'], { cwd: payer })).stdout).toContain('by hand');
  });

  test('a reset goes the same way again, and what is recorded is not called again', async () => {
    const id = await paying('Ada');
    const args = await asked(id, 'approval');
    const calls = treasury.counts().requests;
    await temporal('workflow reset', id);
    expect(await asked(id, 'approval')).toBe(args);
    expect(await progressOf(id)).toMatchObject({ turn: 2, totals: { modelCalls: 2, toolCalls: 1, reusedCalls: 3 } });
    expect(treasury.counts().requests).toBe(calls);
    await temporal('workflow update execute -w RUN --name approve', id, { ARGS: args });
    expect(await ended(id)).toMatchObject({ code: 0 });
    // The answer to what was paid is the one call that was not there yet.
    expect(treasury.counts().requests).toBe(calls + 1);
    expect(paid()).toEqual(['Ada', 'Ada']);
  });

  test('terminate ends it at once, and its end is recorded', async () => {
    const id = await paying('Ada');
    await asked(id, 'approval');
    await temporal('workflow terminate', id);
    expect(await ended(id)).toMatchObject({ code: 3 });
    expect((await cli(['show', id], { cwd: payer })).stdout).toMatch(/^status +cancelled$/m);
    expect((await cli(['inbox'], { cwd: payer })).stderr).toContain('nothing waits for a person');
  });
});

test('no line of the README was left out', () => {
  expect(documented.length).toBeGreaterThan(5);
  expect(documented.filter((line) => !typed.has(line))).toEqual([]);
});
