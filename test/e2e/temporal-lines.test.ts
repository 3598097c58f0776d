// Needs: the built command line (npm run build), a Temporal CLI, free ports, sh. The README's lines for Temporal's own command line, as
// they stand there, typed at the runs of a real `longhaul dev` whose model answers when the test lets it.
import { mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
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

/** Types the one line of the README that begins so into a shell, with a run's id for RUN. What it said, when it succeeded. */
async function temporal(beginning: string, id = run): Promise<string> {
  const [line, ...others] = documented.filter((each) => each.startsWith(`temporal ${beginning}`));
  if (line === undefined || others.length > 0)
    throw new Error(`one line of the README must begin "temporal ${beginning}": ${documented.join('\n')}`);
  typed.add(line);
  const address = /^temporal {2}(\S+:\d+), /m.exec(dev.stdout())?.[1] ?? 'none';
  const env = { TEMPORAL_ADDRESS: address, PATH: [bin, process.env['PATH']].join(path.delimiter) };
  const { code, stdout, stderr } = await (
    await start('sh', ['-c', line.replace(/\bRUN\b/, id)], { cwd: project, env })
  ).ended;
  expect({ line, code, stderr }).toEqual({ line, code: 0, stderr: '' });
  return stdout;
}

/** Of a query's answer, the JSON. */
const answered = (said: string): unknown => JSON.parse(said.slice(said.indexOf('{')));
const progress = async (): Promise<RunProgress> =>
  answered(await temporal('workflow query -w RUN --type progress')) as RunProgress;
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

test('no line of the README was left out', () => {
  expect(documented.length).toBeGreaterThan(5);
  expect(documented.filter((line) => !typed.has(line))).toEqual([]);
});
