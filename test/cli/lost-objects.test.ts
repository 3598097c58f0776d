// Needs a scratch folder. No server. Of a run some of whose objects are gone, all else is shown, and what is gone is said at its place.
import path from 'node:path';
import { z } from 'zod';
import { callRecordName, callsOfFirst } from '../../activities/store/ref-names';
import { showCommand } from '../../client/cli/commands/show';
import { traceCommand } from '../../client/cli/commands/trace';
import type { CliContext } from '../../client/cli/context';
import { testProject, told, type TestProject, type Told } from './given';
import { storeRun, type StoredRunOptions } from './store-run';

let project: TestProject;
beforeEach(() => {
  project = testProject();
});
afterEach(() => project.remove());

const ask = (command: (context: CliContext) => Promise<number>, json = false): Promise<Told> =>
  told(project.dir, command, {
    json,
    env: { PATH: '/nonexistent', HOME: '/nonexistent', LONGHAUL_STORE: `lmdb:${path.join(project.dir, 'store')}` },
  });
const stored = (lost: StoredRunOptions['lost'] = []): Promise<Told> =>
  ask(async (context) => {
    await storeRun(context.openStore(), { id: 'run_lost', lost, question: 'Where is it?', form: 'openai-chat' });
    return 0;
  });
const show = async (call: number, options: { curl?: boolean; diff?: number } = {}): Promise<string> =>
  (await ask((context) => showCommand(context, 'run_lost', { call, ...options }))).stdout;

const goneShape = z.object({
  gone: z.array(
    z.object({ part: z.string(), position: z.number().nullable(), preview: z.string().optional(), why: z.string() }),
  ),
});
const gone = async (call: number) => {
  const { stdout } = await ask((context) => showCommand(context, 'run_lost', { call }), true);
  return goneShape.parse(JSON.parse(stdout)).gone;
};
const why = /^it is not in the store any more \(Store\.ObjectMissing: object [0-9a-f]{64} is not in the store/;

test('a message that is gone is told at its place, between those that are there', async () => {
  await stored(['calling']);
  expect(await gone(3)).toEqual([{ part: 'given', position: 2, why: expect.stringMatching(why) }]);
  const shown = await show(3);
  expect(shown).toMatch(
    /── 1 user\nWhere is it\?[\s\S]*── 2 cannot be read: it is not in the store any more[\s\S]*── 3 tool look[\s\S]*answered\n── 4 assistant\nIt stands in/,
  );
  // The release is there: what stands around the conversation does not go with a message of it.
  expect(shown).toContain('system\nRead.');
  expect(shown).toMatch(/rebuilt +a part of it cannot be read: it is not in the store any more/);
});

test('of an answer that is gone its beginning is told, which its record keeps', async () => {
  await stored(['final']);
  expect(await gone(3)).toMatchObject([{ part: 'answered', position: 1, why: expect.stringMatching(why) }]);
  expect(await show(3)).toMatch(/answered\n── 4 cannot be read: .*\nit begins: It stands in a\.txt:1/);
});

test('where the chain breaks off, what came after is shown', async () => {
  await stored(['node']);
  expect(await gone(3)).toEqual([{ part: 'given', position: null, why: expect.stringMatching(why) }]);
  expect(await show(3)).toMatch(
    /given\n── what came before cannot be read: [\s\S]*── 1 assistant\n→ look[\s\S]*── 2 tool look/,
  );
});

test('the arguments of a tool call, its result, and the release', async () => {
  await stored(['calling', 'looked', 'release']);
  expect(await gone(2)).toMatchObject([
    { part: 'given', position: null, preview: '{"pattern":"a"}' },
    { part: 'answered', position: 1, preview: 'in a.txt' },
  ]);
  const tool = await show(2);
  expect(tool).toMatch(/given\n.*cannot be read: .*\nit begins: {"pattern":"a"}/);
  expect(tool).toMatch(/asked by +call 1/);
  expect(await show(1)).toMatch(/system\nthe release of the call cannot be read: it is not in the store any more/);
  await expect(show(3, { curl: true })).rejects.toThrow(/has no request to print: a part of it cannot be read/);
  await expect(show(3, { diff: 1 })).rejects.toThrow(/cannot be compared: a part of it cannot be read/);
});

test('the conversation of a run, around what is gone of it', async () => {
  const transcript = async (json = false): Promise<string> =>
    (await ask((context) => showCommand(context, 'run_lost', { transcript: true }), json)).stdout;
  await stored(['looked']);
  expect(await transcript()).toMatch(
    /^── 1 user\nWhere is it\?[\s\S]*── 2 assistant\n→ look[\s\S]*── 3 cannot be read: it is not in the store any more[\s\S]*── 4 assistant\nIt stands in/,
  );
  expect(JSON.parse(await transcript(true))).toMatchObject({
    messages: [{ role: 'user' }, { role: 'assistant' }, { role: 'assistant' }],
    gone: [{ position: 3, why: expect.stringMatching(why) }],
  });
});

test('of a chain that breaks off, what came after', async () => {
  await stored(['node']);
  const { stdout } = await ask((context) => showCommand(context, 'run_lost', { transcript: true }));
  expect(stdout).toMatch(/^── what came before cannot be read: [\s\S]*── 1 assistant\n→ look[\s\S]*── 3 assistant\n/);
});

test('the run itself, without its answer', async () => {
  await stored(['output']);
  const { stdout } = await ask((context) => showCommand(context, 'run_lost', {}));
  expect(stdout).toMatch(/status +completed/);
  expect(stdout).toMatch(/its answer cannot be read: it is not in the store any more/);
});

test('a trace needs no content; records that it cannot read are counted, and told', async () => {
  await stored(['asked', 'calling', 'looked', 'final', 'release', 'output', 'node']);
  await ask(async (context) => {
    const odd = { op: 'put' as const, value: { kind: 'of-a-later-version' } };
    const name = callRecordName({ run: 'first-of-run_lost', fork: 0, turn: 2, index: 1 });
    expect(name.startsWith(callsOfFirst('first-of-run_lost'))).toBe(true);
    await context.openStore().commit({ refs: [{ ...odd, name }] });
    return 0;
  });
  const { stdout, stderr } = await ask((context) => traceCommand(context, 'run_lost'));
  expect(stdout).toMatch(/1\. model test\/model-1[\s\S]*2\. tool look {"pattern":"a"}[\s\S]*3\. model test\/model-1/);
  expect(stderr).toContain('1 record of its calls cannot be read by this version.');
  expect(stderr).toContain('Temporal did not answer: the records tell what was called');
  const { stdout: json } = await ask((context) => traceCommand(context, 'run_lost'), true);
  expect(JSON.parse(json)).toMatchObject({ unreadable: 1, history: 'unreachable' });
});
