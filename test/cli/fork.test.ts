// Needs: a Temporal CLI, which an embedded server is started from. A fork begins with what its origin had at a step, and nothing before that
// step is called again; where two runs differ first is told without a server.
import path from 'node:path';
import { z } from 'zod';
import { callRecordName } from '../../activities/store/ref-names';
import { callsOf } from '../../activities/store/run-calls';
import { defineAgent, defineTool } from '../../activities/define';
import { diffCommand } from '../../client/cli/commands/diff';
import { eraseCommand } from '../../client/cli/commands/erase';
import { forkCommand, type ForkCommandOptions } from '../../client/cli/commands/fork';
import { showCommand } from '../../client/cli/commands/show';
import { traceCommand } from '../../client/cli/commands/trace';
import type { CliContext } from '../../client/cli/context';
import { firstRunIdOf } from '../../client/first-run';
import { until } from '../e2e/cli';
import type { ForkOptions } from '../../client';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';
import { testProject, told, type TestProject, type Told } from './given';

const made = { looks: [] as string[], paid: [] as string[], hung: 0 };
const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({ at: z.string() }),
  output: z.string(),
  effect: 'read',
  run: ({ at }) => {
    made.looks.push(at);
    return `seen ${at}`;
  },
});
const pay = defineTool({
  name: 'pay',
  description: 'Pays.',
  input: z.object({}),
  output: z.string(),
  effect: 'keyed',
  approval: false,
  run: (_, { effectKey }) => {
    made.paid.push(effectKey);
    return 'paid';
  },
});
/** What it comes to is never known, and the model is told so by a call of its own. */
const hang = defineTool({
  name: 'hang',
  description: 'Hangs.',
  input: z.object({}),
  output: z.string(),
  effect: 'at-most-once',
  approval: false,
  timeout: '100ms',
  run: () => {
    made.hung += 1;
    return new Promise<string>(() => undefined);
  },
});
/** Work elsewhere, that has an outcome once the test says so. */
const farm = { done: true };
const dig = defineTool({
  name: 'dig',
  description: 'Digs.',
  input: z.object({}),
  output: z.string(),
  effect: 'keyed',
  approval: false,
  poll: { started: z.object({}), every: '1s', upTo: '1h', check: () => (farm.done ? 'dug' : undefined) },
  run: () => ({}),
});
const agent = defineAgent({ name: 'walker', instructions: 'Walk.', tools: [look, pay, hang, dig] });
const other = defineAgent({ name: 'other', instructions: 'Answer.' });
const asks = (...names: string[]) =>
  names.map((name, nth) => ({ name, args: name === 'look' ? { at: 'abc'.charAt(nth) } : {} }));
const USUAL = () => script().calls(asks('look', 'look')).calls(asks('pay')).answer('first answer');

let model: ModelServer;
let stack: TestStack;
let project: TestProject;
beforeAll(async () => {
  model = await startModelServer({ script: USUAL() });
  stack = await startTestStack({ agents: [agent, other], modelUrl: model.url });
  project = testProject();
  await ended('origin');
}, 60_000);
beforeEach(() => {
  model.setScript(USUAL());
  Object.assign(made, { looks: [], paid: [], hung: 0 });
});
afterAll(async () => {
  await stack.close();
  await model.close();
  project.remove();
});

async function ended(id: string): Promise<void> {
  const run = await stack.client.agent<typeof agent>('walker').start('walk on', { id, tenant: 'acme' });
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
}
const fork = async (run: string, options: ForkOptions) => {
  const handle = await stack.client.fork(run, options);
  return { id: handle.id, result: await handle.result(), transcript: await handle.transcript() };
};
const run = (command: (context: CliContext) => Promise<number>, json = false): Promise<Told> =>
  told(project.dir, command, {
    json,
    env: { TEMPORAL_ADDRESS: stack.server.address, LONGHAUL_STORE: `lmdb:${path.join(stack.stateDir, 'store')}` },
  });
const forked = (id: string, options: ForkCommandOptions): Promise<Told> =>
  run((context) => forkCommand(context, id, options));
const diff = async (a: string, b: string): Promise<unknown> =>
  JSON.parse((await run((context) => diffCommand(context, a, b), true)).stdout);
const texts = (transcript: Awaited<ReturnType<typeof fork>>['transcript']): string[] =>
  transcript.map(
    ({ role, parts }) => `${role} ${parts.map((part) => ('text' in part ? part.text : part.type)).join()}`,
  );
const releaseOf = async (id: string): Promise<string> => {
  const { stdout } = await run((context) => showCommand(context, id, {}), true);
  return (JSON.parse(stdout) as { release: string }).release;
};
const WALKED = ['user walk on', 'assistant tool-call,tool-call', 'tool seen a', 'tool seen b'];

test('at a model call: what came before is given again, and only what follows is called', async () => {
  const same = await fork('origin', { at: 4 });
  expect(made).toMatchObject({ looks: [], paid: { length: 1 } });
  expect(same.result).toMatchObject({
    outcome: 'completed',
    output: 'first answer',
    totals: { turns: 2, modelCalls: 2, toolCalls: 1 },
  });
  expect(texts(same.transcript)).toEqual([...WALKED, 'assistant tool-call', 'tool paid', 'assistant first answer']);
  expect(await diff('origin', same.id)).toMatchObject({ same: true, runs: [{ steps: 6 }, { steps: 6 }] });

  model.setScript(script().calls(asks('look', 'look')).answer('second answer'));
  const another = await fork('origin', { at: 4 });
  expect(another.result).toMatchObject({ output: 'second answer' });
  expect(await diff('origin', another.id)).toMatchObject({ same: false, differsAt: 4, in: ['what it answers'] });
  const shown = await run((context) => diffCommand(context, 'origin', another.id));
  expect(shown.stdout).toMatch(
    new RegExp(
      `^origin  walker, release [0-9a-f]{12}, completed, 6 steps\\n${another.id}  walker, .*, 4 steps, forked from origin at step 4\\n` +
        `the same: steps 1 to 3\\nstep 4 differs: what it answers\\n  origin  model test/model  given "seen b"  answers "pay\\({}\\)"  then 2 steps more\\n  ${another.id}  model test/model  given "seen b"  answers "second answer"\\n$`,
    ),
  );
});

test('at a tool call: that one is made anew with those behind it, and those before it keep their results', async () => {
  const second = await fork('origin', { at: 3 });
  expect(made).toMatchObject({ looks: ['b'], paid: { length: 1 } });
  expect(texts(second.transcript).slice(0, 4)).toEqual(WALKED);
  expect(second.result).toMatchObject({ outcome: 'completed', totals: { modelCalls: 2 } });
});

test('an effect is done again, under a key of its own', async () => {
  const [once] = (await fork('origin', { at: 5 }), made.paid);
  await fork('origin', { at: 5 });
  expect(made.looks).toEqual([]);
  expect(new Set(made.paid).size).toBe(2);
  expect(once).toBeDefined();
});

test('behind the last step it goes on when something is said, and only then', async () => {
  await expect(stack.client.fork('origin')).rejects.toMatchObject({
    code: 'invalid-input',
    message: 'step 7 of run origin follows its answer: say something to it, or fork at an earlier step.',
  });
  model.setScript(USUAL().answer('and more'));
  const more = await fork('origin', { say: 'and then?' });
  expect(more.result).toMatchObject({ output: 'and more', totals: { turns: 1 } });
  expect(texts(more.transcript).slice(-3)).toEqual(['assistant first answer', 'user and then?', 'assistant and more']);
  expect(made).toMatchObject({ looks: [], paid: [] });
});

test('what the model is given may be another text: a result, the first question, and more said behind it', async () => {
  const result = await fork('origin', { at: 4, edit: (text) => text.replace('seen', 'found') });
  expect(texts(result.transcript)[3]).toBe('tool found b');
  expect(await diff('origin', result.id)).toMatchObject({ differsAt: 4, in: ['what it is given'] });

  const question = await fork('origin', { at: 1, edit: () => 'walk back', say: 'slowly' });
  expect(texts(question.transcript).slice(0, 2)).toEqual(['user walk back', 'user slowly']);
  expect(made.looks).toEqual(['a', 'b']);
  const shown = JSON.parse((await run((context) => showCommand(context, question.id, {}), true)).stdout) as object;
  expect(shown).toMatchObject({ question: 'walk back', forkedFrom: { run: 'origin', step: 1 } });
});

test('a call that failed for good is a step of its own: behind it stays what the model was told of it', async () => {
  model.setScript(script().calls(asks('hang', 'look')).answer('so be it'));
  await ended('hung');
  expect(made).toMatchObject({ hung: 1, looks: ['b'] });
  const again = await fork('hung', { at: 3 });
  expect(made).toMatchObject({ hung: 1, looks: ['b', 'b'] });
  expect(texts(again.transcript)[2]).toContain('Tool.OutcomeUnknown');
  expect(again.result).toMatchObject({ outcome: 'completed', output: 'so be it' });
  // Made again by a fork that begins in the middle of a turn, it is a step there too.
  const anew = await fork('hung', { at: 2 });
  expect(made).toMatchObject({ hung: 2 });
  expect((await run((context) => traceCommand(context, anew.id))).stdout).toMatch(/tool hang .*Tool\.OutcomeUnknown/);
});

test('a call that failed for good, of which an earlier version recorded nothing, keeps what the model was told of it', async () => {
  model.setScript(script().calls(asks('hang', 'look')).answer('so be it'));
  await ended('hung-before');
  const { ended: end } = await stack.client.run('hung-before').record();
  await stack.store.deleteRef(callRecordName({ run: end?.firstRunId ?? '', fork: 0, turn: 1, index: 1 }));
  const again = await fork('hung-before', { at: 2 });
  expect(made).toMatchObject({ hung: 1, looks: ['b', 'b'] });
  expect(texts(again.transcript)[2]).toContain('Tool.OutcomeUnknown');
});

test('a fork of a fork has all that came before it, and the same id is the same fork', async () => {
  const first = await fork('origin', { at: 4, id: 'fork-1' });
  const second = await fork(first.id, { at: 3, id: 'fork-2' });
  expect(await diff('origin', second.id)).toMatchObject({ same: true, runs: [{ steps: 6 }, { steps: 6 }] });
  const before = model.requests().length;
  expect((await fork(first.id, { at: 3, id: 'fork-2' })).result).toEqual(second.result);
  expect(model.requests()).toHaveLength(before);
  await expect(stack.client.fork(first.id, { at: 2, id: 'fork-2' })).rejects.toMatchObject({ code: 'id-in-use' });
});

test('a fork that has not begun is forked as it will begin: among the tool calls that it was forked at', async () => {
  await stack.stopWorker();
  await stack.client.fork('origin', { at: 3, id: 'unbegun' });
  await expect(stack.client.fork('unbegun', { say: 'and then?' })).rejects.toMatchObject({ code: 'invalid-input' });
  const second = await stack.client.fork('unbegun');
  expect((await second.record()).forkedFrom).toMatchObject({ step: 1, calling: { results: [{}, null] } });
  await stack.restartWorker();
  expect(await second.result()).toMatchObject({ outcome: 'completed' });
  await stack.client.run('unbegun').result();
  expect(texts(await second.transcript()).slice(0, 4)).toEqual(WALKED);
  expect(made.looks).toEqual(['b', 'b']);
}, 60_000);

test('a fork can be forked at the tool calls that it began with, too', async () => {
  const first = await fork('origin', { at: 2 });
  expect(made.looks.sort()).toEqual(['a', 'b']);
  const second = await fork(first.id, { at: 2 });
  expect(made.looks).toEqual(['a', 'b', 'b']);
  expect(texts(second.transcript).slice(0, 4)).toEqual(WALKED);
  expect(await diff('origin', second.id)).toMatchObject({ same: true, runs: [{ steps: 6 }, { steps: 6 }] });
});

test('a fork that waits for work elsewhere, before any answer of its own model, is traced, compared and forked', async () => {
  model.setScript(script().calls(asks('dig', 'look')).answer('dug it'));
  await ended('digger');
  farm.done = false;
  const open = await stack.client.fork('digger', { at: 2, id: 'digging' });
  await until('the wait', async () => (await open.progress()).status === 'waiting', 20_000);
  await stack.stopWorker();
  // As without a server: what the store alone tells.
  const { calls } = await callsOf(stack.store, (await firstRunIdOf(stack.store, await open.record())) ?? '');
  expect(calls).toMatchObject([{ turn: 0, index: 1, record: { kind: 'started-tool', name: 'dig' } }]);
  expect(await diff('digger', 'digging')).toMatchObject({ differsAt: 2, in: ['one run has ended'] });
  const again = await stack.client.fork('digging', { at: 1 });
  farm.done = true;
  await stack.restartWorker();
  for (const handle of [open, again]) expect(await handle.result()).toMatchObject({ output: 'dug it' });
  expect(await diff('digger', 'digging')).toMatchObject({ same: true });
}, 60_000);

test('another release of the same agent, by its hash, and no other', async () => {
  const release = await releaseOf('origin');
  for (const given of ['current', release, release.slice(0, 8)])
    expect((await fork('origin', { at: 6, release: given })).result).toMatchObject({ outcome: 'completed' });
  const others = await stack.client.agent<typeof other>('other').start('hello', { id: 'others', tenant: 'acme' });
  await others.result();
  const theirs = await releaseOf('others');
  for (const [given, message] of [
    ['nonsense', 'no release of walker is named "nonsense": "longhaul releases walker" lists them.'],
    ['000000', 'no release 000000 of walker is known here.'],
    [theirs, `release ${theirs} is one of other, not of walker.`],
  ] as const)
    await expect(stack.client.fork('origin', { at: 6, release: given })).rejects.toMatchObject({ message });
});

test('from the command line: the id is printed, the trace names the origin, and an editor may change the text', async () => {
  const { code, stdout, stderr } = await forked('origin', { at: 6, edit: 'tool says: paid twice', tag: ['what-if'] });
  const id = stdout.trim();
  expect([code, stderr]).toEqual([0, expect.stringContaining(`forked from origin; watch it: longhaul tail ${id}`)]);
  await stack.client.run(id).result();
  expect(texts(await stack.client.run(id).transcript())).toContain('tool tool says: paid twice');
  const trace = await run((context) => traceCommand(context, id));
  expect(trace.stdout).toMatch(/^forked from origin at step 6: what came before is there$/m);
});

test.each([
  ['nothing', {}, 'run-not-found'],
  ['origin', { at: 8 }, 'invalid-input'],
  ['origin', { at: 3, say: 'x' }, 'invalid-input'],
  ['origin', { at: 4, say: ' ' }, 'invalid-input'],
  ['origin', { id: '' }, 'invalid-input'],
] as const)('refused, with nothing begun: %s %j', async (id, options, code) => {
  await expect(forked(id, options)).rejects.toMatchObject({ code });
  expect(made).toMatchObject({ looks: [], paid: [] });
});

test('an origin that is erased leaves its forks, and says so', async () => {
  await ended('short-lived');
  const kept = await fork('short-lived', { at: 4 });
  const { stderr } = await run((context) => eraseCommand(context, 'short-lived', { yes: true }));
  expect(stderr).toContain(`forks of it keep what they began with: ${kept.id}`);
  await expect(stack.client.fork('short-lived')).rejects.toMatchObject({ code: 'erased' });
  expect(texts(await stack.client.run(kept.id).transcript()).slice(0, 4)).toEqual(WALKED);
  // Its steps begin where nobody knows any more what came before.
  await ended('apart');
  await expect(run((context) => diffCommand(context, 'apart', kept.id))).rejects.toMatchObject({
    code: 'invalid-input',
    message: expect.stringMatching(/goes on from step 4 of short-lived, which is gone/),
  });
});
