// Needs: the built command line (npm run build), a Temporal CLI, free ports. `longhaul steer` and `extend`, typed at a run whose model answers
// when the test lets it.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { cli, scratchFolder, startCli, type Ended, type RunningProcess } from './cli';

jest.setTimeout(180_000);

const project = scratchFolder();
const AGENT = `
import { defineAgent } from 'longhaul';
export const writer = defineAgent({ name: 'writer', instructions: 'x', limits: { turns: 1, wall: '1h' } });
`;
let model: ModelServer;
let dev: RunningProcess;

beforeAll(async () => {
  writeFileSync(path.join(project, 'package.json'), '{"private":true}');
  mkdirSync(path.join(project, 'agents', 'writer'), { recursive: true });
  writeFileSync(path.join(project, 'agents', 'writer', 'agent.ts'), AGENT);
  model = await startModelServer({
    script: script().answer('one').answer('two'),
    faults: [{ when: { nth: 1 }, do: { hold: 'first' } }],
  });
  const env = { OPENAI_BASE_URL: model.url, OPENAI_API_KEY: 'sk-test-key-of-the-model-server' };
  dev = await startCli(['dev', '--metrics-port', '0'], { cwd: project, env });
  await dev.saying(/^ready /m);
});
afterAll(async () => {
  dev.kill('SIGTERM');
  await dev.ended;
  await model.close();
});

const ask = (...args: string[]): Promise<Ended> => cli(args, { cwd: project });

test('a run is extended and steered by commands, which say what they did, and refuse in one line what they cannot do', async () => {
  const id = (await ask('submit', 'writer', 'go')).stdout.trim();
  await model.until(({ requests }) => requests >= 1, 60_000);

  expect(await ask('extend', id)).toMatchObject({ code: 2, stderr: expect.stringContaining('say what is added') });
  expect(await ask('extend', id, '--turns', '0')).toMatchObject({ code: 2 });
  expect(await ask('extend', id, '--wall', 'soon')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--wall: "soon" is not a positive duration'),
  });
  expect(await ask('extend', id, '--wall', '3')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--wall: "3" has no unit'),
  });
  expect(await ask('steer', '', 'hi')).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no run') });
  expect(await ask('extend', id, '--tokens', '5')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('the run has no limit of tokens: there is nothing to extend.'),
  });
  expect(await ask('steer', id, ' ')).toMatchObject({ code: 2, stderr: expect.stringContaining('1 to 100000') });
  expect(await ask('steer', id, '@nowhere.txt')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('the file "nowhere.txt" cannot be read.'),
  });

  const extended = await ask('extend', id, '--turns', '1', '--wall', '30m', '--json');
  expect(JSON.parse(extended.stdout)).toEqual({
    id,
    extended: { turns: 1, wallMs: 1_800_000 },
    limits: { turns: 2, toolCalls: 200, wallMs: 5_400_000 },
  });
  expect((await ask('extend', id, '--tool-calls', '1')).stdout).toBe(
    `${id}  may use more, now 2 turns, 201 tool calls, 1h 30m\n`,
  );
  writeFileSync(path.join(project, 'words.txt'), 'in French, '.repeat(2_000));
  expect((await ask('steer', id, '@words.txt')).stdout).toBe(
    `${id}  said; the model hears it when its next turn begins\n`,
  );
  model.release('first');
  expect(await ask('tail', id)).toMatchObject({ code: 0, stdout: expect.stringContaining('two') });
  expect(model.requests()[1]?.body?.toString()).toContain('in French');
  expect((await ask('show', id, '--transcript')).stdout).toContain('in French');
  const { stdout: shown } = await ask('show', id);
  expect(shown).toMatch(/^told +\S+ in French, /m);
  expect(shown).toMatch(/^limits +2 turns, 201 tool calls, 1h 30m/m);
  expect(await ask('steer', id, 'too late')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`run ${id} has ended already: completed.`),
  });
});
