// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. What is said to a run on its way, by the library
// and by plain Temporal, and what is added to its limits.
import { defineAgent } from '../../activities/define';
import { ClientError } from '../../client/errors';
import { createMemoryStore } from '../../activities/store';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';

const agent = defineAgent({ name: 'writer', instructions: 'Write.', limits: { turns: 2 } });
const brief = defineAgent({ name: 'brief', instructions: 'Write.', limits: { turns: 1 } });
const CANARY = 'canary-of-what-was-said-that-no-history-may-hold-in-full-'.repeat(4);

let model: ModelServer;
let stack: TestStack;
beforeAll(async () => {
  model = await startModelServer();
  stack = await startTestStack({ agents: [agent, brief], modelUrl: model.url });
}, 60_000);
afterEach(() => model.reset());
afterAll(async () => {
  await stack.close();
  await model.close();
});

const historyOf = async (id: string): Promise<string> =>
  JSON.stringify(await stack.temporal.workflow.getHandle(id).fetchHistory(), (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString() : value,
  );

/** A run whose first answer is held back until it is let go. */
async function held(id: string, name: 'writer' | 'brief' = 'writer') {
  model.setScript(script().answer('one').answer('two').answer('three'));
  model.addFaults({ when: { nth: 1 }, do: { hold: id } });
  const run = await stack.client.agent<typeof agent | typeof brief>(name).start('go', { id });
  await model.until(({ requests }) => requests >= 1, 30_000);
  return { run, handle: stack.temporal.workflow.getHandle(id), letGo: () => model.release(id) };
}

const asked = (nth: number): string => model.requests()[nth]?.body?.toString() ?? '';
const refusalOf = async (work: Promise<unknown>): Promise<string> =>
  await work.then(
    () => 'taken',
    (error: unknown) => {
      if (error instanceof ClientError) return error.message;
      return error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    },
  );

test('what the library says is heard with the next turn, and stands in the store alone', async () => {
  const { run, letGo } = await held('library');
  await run.steer(CANARY);
  letGo();
  expect(await run.result()).toMatchObject({ outcome: 'completed', output: 'two' });
  expect(asked(0)).not.toContain(CANARY);
  expect(asked(1)).toContain(CANARY);
  expect(await historyOf('library')).not.toContain(CANARY);
  expect((await run.transcript()).map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant']);
}, 60_000);

test('by plain Temporal it is a text; what is not stored, or not said by a person, is refused, and the run goes on', async () => {
  const { run, handle, letGo } = await held('plain');
  const say = (said: object) => handle.executeUpdate<void, [object]>('steer', { args: [said] });
  await say({ text: 'in French' });
  const store = createMemoryStore();
  const missing = store.nameOf(Buffer.from('never stored'));
  expect(await refusalOf(say({ message: missing }))).toMatch(/is not in the store/);
  const before = (await handle.fetchHistory()).events?.length;
  expect(await refusalOf(say({ text: '' }))).toMatch(/give a text of 1 to 4000 characters/);
  expect(await refusalOf(say({ message: missing, text: 'both' }))).toMatch(/give a text/);
  expect((await handle.fetchHistory()).events?.length).toBe(before);
  letGo();
  expect(await run.result()).toMatchObject({ outcome: 'completed', output: 'two' });
  expect(asked(1)).toContain('in French');
  expect(await refusalOf(run.steer('too late'))).toMatch(/has no running|has ended|already completed/);
}, 60_000);

test('a limit is extended while the model is asked: there is a turn in which it hears what was said', async () => {
  const { run, handle, letGo } = await held('longer', 'brief');
  await handle.executeUpdate('extend', { args: [{ turns: 1 }] });
  expect(await refusalOf(run.extend({ tokens: 5 }))).toBe(
    'the run has no limit of tokens: there is nothing to extend.',
  );
  await run.steer('again');
  letGo();
  expect(await run.result()).toMatchObject({ outcome: 'completed', output: 'two', totals: { turns: 2 } });
  expect((await run.progress()).limits.turns).toBe(2);
}, 60_000);

test('a model call that is cancelled is counted in the totals of its run, and said to be estimated', async () => {
  const { run } = await held('stopped');
  await run.cancel('enough');
  expect(await run.result()).toMatchObject({
    outcome: 'cancelled',
    totals: { modelCalls: 1, estimated: true, usage: { input: expect.any(Number) as number, output: 0 } },
  });
  expect((await run.record()).ended?.totals.usage.input).toBeGreaterThan(3);
}, 60_000);
