// Needs: the built command line (npm run build), a Temporal CLI, free ports. A run of a sub-agent, as commands show it: under the run that
// a caller has started, whose id is all that a user knows.
import { appendFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cli, runId, scratchFolder, startCli, TOP, type Ended, type RunningProcess } from './cli';

jest.setTimeout(180_000);

const project = scratchFolder();
const SPENT = path.join(project, 'spent.log');
const AGENTS = `
import { appendFileSync } from 'node:fs';
import { agentTool, defineAgent, defineTool, defineToolbox } from 'longhaul';
import { z } from 'zod';
const pay = defineTool({
  name: 'pay', description: 'x', effect: 'at-most-once', input: z.object({ pay: z.string() }), output: z.string(),
  toolbox: defineToolbox({ name: 'bank' }),
  run: ({ pay }) => { appendFileSync(${JSON.stringify(SPENT)}, pay + '\\n'); return 'paid ' + pay; },
});
export const payer = defineAgent({
  name: 'payer', description: 'Pays.', instructions: 'x', input: z.object({ pay: z.string() }), tools: [pay],
});
export const clerk = defineAgent({
  name: 'clerk', instructions: 'x', input: z.object({ pay: z.string() }), tools: [agentTool(payer)],
});
`;
const ask = (args: readonly string[]): Promise<Ended> => cli(args, { cwd: project });
let dev: RunningProcess | undefined;

beforeAll(() => {
  writeFileSync(path.join(project, 'package.json'), '{"private":true}');
  mkdirSync(path.join(project, 'agents'), { recursive: true });
  mkdirSync(path.join(project, 'node_modules'));
  symlinkSync(path.join(TOP, 'node_modules/zod'), path.join(project, 'node_modules/zod'));
  writeFileSync(path.join(project, 'agents', 'clerk.ts'), AGENTS);
  appendFileSync(SPENT, '');
});
afterAll(async () => {
  dev?.kill('SIGTERM');
  await dev?.ended;
});

test('what a sub-agent asks is asked under the run of its caller, and one trace shows all', async () => {
  const asked = await ask(['run', 'clerk', '--input', '{"pay":"7 EUR"}']);
  expect(asked).toMatchObject({ code: 5 });
  const id = runId(asked.stderr);
  const [, command = '', sub = ''] = /^longhaul (approve (sub_\w+) 1)$/m.exec(asked.stdout) ?? [];
  expect(asked.stdout).toContain(`${id}  waits for a person, for its payer  pay {"pay":"7 EUR"}`);

  const inbox = await ask(['inbox']);
  expect(inbox.stdout).toMatch(new RegExp(`^${id} {2}1 {2}payer `, 'm'));
  expect(inbox.stdout).toContain(`longhaul approve|deny ${sub} 1`);
  expect(JSON.parse((await ask(['inbox', '--json'])).stdout)).toMatchObject({ requests: [{ id: sub, root: id }] });
  const before = await ask(['show', id]);
  expect(before.stdout).toMatch(new RegExp(`^sub-agent payer as ${sub}, not ended: `, 'm'));
  expect(before.stdout).toContain(`longhaul approve|deny ${sub} 1`);

  dev = await startCli(['dev', '--metrics-port', '0'], { cwd: project });
  await dev.saying(/^ready /m);
  // A number alone is good for one run: the other's first request is another one.
  const other = await ask(['approve', id, '1']);
  expect(other).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`it asks pay, by its payer: that is request 1 of ${sub}`),
  });
  const live = await ask(['trace', id]);
  expect(live.stdout).toMatch(new RegExp(`^└─ turn 1: payer asking\\n {3}${sub} {2}payer`, 'm'));
  expect(await ask(command.split(' '))).toMatchObject({ code: 0 });
  expect(await ask(['tail', id])).toMatchObject({ code: 0 });
  expect(readFileSync(SPENT, 'utf8')).toBe('7 EUR\n');

  const trace = await ask(['trace', id]);
  console.log(trace.stdout);
  expect(trace.stdout).toMatch(new RegExp(`2\\. tool payer .*\\n.*${sub} {2}payer {2}completed`));
  expect(trace.stdout).toMatch(/^.{6,}2\. tool pay /m);
  const json: unknown = JSON.parse((await ask(['trace', id, '--json'])).stdout);
  expect(json).toMatchObject({
    id,
    totals: { modelCalls: 4, toolCalls: 2 },
    subRuns: [{ id: sub, calledBy: { run: id, turn: 1, index: 1 }, totals: { modelCalls: 2, toolCalls: 1 } }],
  });

  const listed = async (...more: string[]): Promise<string[]> =>
    (JSON.parse((await ask(['list', '--json', ...more])).stdout) as { runs: { id: string }[] }).runs.map(
      (run) => run.id,
    );
  expect(await listed()).toEqual([id]);
  expect((await listed('--sub-agents')).sort()).toEqual([id, sub].sort());

  expect(await ask(['erase', id, '--yes'])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`${id} and 1 run of its sub-agents  erased: `),
  });
  expect((await ask(['show', sub])).stdout).toMatch(/^erased /m);
  expect(existsSync(SPENT)).toBe(true);
});
