// Needs: the built command line (npm run build), a Temporal CLI, free ports. `longhaul tail` in a process of its own, beside a `dev` whose
// model says its answer slowly.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { cli, scratchFolder, startCli, type RunningProcess } from './cli';

jest.setTimeout(180_000);

const project = scratchFolder();
const AGENT = `
import { defineAgent } from 'longhaul';
export const teller = defineAgent({ name: 'teller', instructions: 'Tell.' });
`;
const SPEECH = Array.from({ length: 150 }, (_, at) => `word${at}`).join(' ');
let model: ModelServer;
let dev: RunningProcess;

beforeAll(async () => {
  writeFileSync(path.join(project, 'package.json'), '{"private":true}');
  mkdirSync(path.join(project, 'agents', 'teller'), { recursive: true });
  writeFileSync(path.join(project, 'agents', 'teller', 'agent.ts'), AGENT);
  model = await startModelServer({ script: script().answer(SPEECH) });
  const env = { OPENAI_BASE_URL: model.url, OPENAI_API_KEY: 'sk-test-key-of-the-model-server' };
  dev = await startCli(['dev', '--metrics-port', '0'], { cwd: project, env });
  await dev.saying(/^ready /m);
});
afterAll(async () => {
  dev.kill('SIGTERM');
  await dev.ended;
  await model.close();
});
afterEach(() => {
  model.clearFaults();
  model.reset();
});

const submit = async (): Promise<string> => (await cli(['submit', 'teller', 'Go.'], { cwd: project })).stdout.trim();

/** Half an answer, then nothing; until the test lets the second attempt speak. */
const HALF = 20;
const cutThenHeld = (): void =>
  model.addFaults(
    { when: { nth: 1 }, do: { cutStreamAfterChunks: HALF, slowStreamMsPerChunk: 20, hold: 'first' } },
    { when: { nth: 2 }, do: { hold: 'second', slowStreamMsPerChunk: 5 } },
  );

test('what the model says is written while it says it, and another attempt takes its place', async () => {
  cutThenHeld();
  const tail = await startCli(['tail', await submit()], { cwd: project });
  // It watches, before a word is said.
  await tail.saying(/^… /m);
  model.release('first');
  await tail.saying(/word3 /);
  // The answer is under way: the second attempt has not begun, and the run has no answer.
  expect(tail.stdout()).toBe('');
  await model.until(({ requests }) => requests >= 2, 60_000);
  model.release('second');
  const { code, stdout, stderr } = await tail.ended;
  expect([code, stdout]).toEqual([0, `${SPEECH}\n`]);
  const [first = '', second = ''] = stderr.split('— attempt 2 —\n');
  expect(first).toContain('word0 word1 word2');
  // From its beginning: not behind what the first one said.
  expect(second).toMatch(/^word0 word1 word2/);
});

const lineSchema = z.looseObject({
  type: z.enum(['step', 'status', 'text', 'result']),
  attempt: z.number().optional(),
  sequence: z.number().optional(),
  text: z.string().optional(),
});

test('with --json each piece is a line, from which a program puts the answer together', async () => {
  cutThenHeld();
  const tail = await startCli(['tail', await submit(), '--json'], { cwd: project });
  await tail.saying(/"type":"step"/);
  model.release('first');
  await tail.saying(/"type":"text"/);
  await model.until(({ requests }) => requests >= 2, 60_000);
  model.release('second');
  const { code, stdout } = await tail.ended;
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => lineSchema.parse(JSON.parse(line)));
  const texts = lines.filter(({ type }) => type === 'text');
  expect([...new Set(texts.map(({ attempt }) => attempt))]).toEqual([1, 2]);
  const shown = texts.reduce((all, { sequence = 0, text = '' }) => all.slice(0, sequence - text.length) + text, '');
  expect(SPEECH.startsWith(shown)).toBe(true);
  expect(shown.length).toBeGreaterThan(SPEECH.length / 2);
  expect([code, lines.at(-1)]).toMatchObject([0, { type: 'result', result: { outcome: 'completed', output: SPEECH } }]);
});

test('who tails an ended run is told its answer, and no piece of it', async () => {
  const id = await submit();
  expect(await cli(['tail', id], { cwd: project })).toMatchObject({ code: 0, stdout: `${SPEECH}\n` });
  const again = await cli(['tail', id, '--json'], { cwd: project });
  expect(again.stdout.trim().split('\n')).toHaveLength(1);
});
