// Needs: a Temporal CLI, which an embedded server is started from: the commands of `longhaul session`, and what is left of one that is erased.
import path from 'node:path';
import { defineAgent } from '../../activities/define';
import { allRefs } from '../../activities/store';
import { collectGarbage } from '../../activities/store/garbage/collect-garbage';
import { forkCommand } from '../../client/cli/commands/fork';
import { eraseCommand } from '../../client/cli/commands/erase';
import {
  sessionPauseCommand,
  sessionResumeCommand,
  sessionRetireCommand,
  sessionSendCommand,
  sessionShowCommand,
  sessionWakeCommand,
  type SendCommandOptions,
} from '../../client/cli/commands/session';
import type { CliContext } from '../../client/cli/context';
import { EXIT, exitCodeOfError } from '../../client/cli/exit-codes';
import { ClientError } from '../../client/errors';
import type { PublishedQueue } from '../../workflows/contract/schemas/queue';
import { sessionWorkflowId } from '../../workflows/contract/names';
import { useStack } from '../stack/use-stack';
import { testProject, told, type TestProject, type Told } from './given';

jest.setTimeout(120_000);

const agent = defineAgent({ name: 'echo', instructions: 'Answer.', mode: 'session', session: { onBusy: 'reject' } });
const lined = defineAgent({ name: 'lined', instructions: 'Answer.', mode: 'session', queue: 'line' });
const single = defineAgent({ name: 'single', instructions: 'Answer.', queue: 'line' });
const line: PublishedQueue = { depth: 10, concurrency: 1, weights: {}, shards: 1, degrade: [] };
const used = useStack({}, { agents: [agent, lined, single], queues: { line } });
let project: TestProject;
beforeAll(() => {
  project = testProject();
});
afterAll(() => project.remove());
beforeEach(() => used.model.setRespond(({ messages }) => ({ text: `You said: ${messages.at(-1)?.text}` })));

const run = (command: (context: CliContext) => Promise<number>, json = false): Promise<Told> =>
  told(project.dir, command, {
    json,
    env: {
      TEMPORAL_ADDRESS: used.stack.server.address,
      LONGHAUL_STORE: `lmdb:${path.join(used.stack.stateDir, 'store')}`,
    },
  });
const send = (id: string, text: string, options: SendCommandOptions = {}): Promise<Told> =>
  run((context) => sessionSendCommand(context, id, text, options));
const refused = async (work: Promise<Told>): Promise<string> =>
  await work.then(
    () => 'done',
    (error: unknown) =>
      ClientError.isInstance(error) ? `${exitCodeOfError(error)} ${error.code}: ${error.message}` : String(error),
  );

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('it did not come to that.');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('a message is answered on standard output; the first names the agent, which is known from then on', async () => {
  expect(await refused(send('talk', 'hello'))).toMatch(/^2 session-not-found: .*names its agent with --agent/);
  const first = await send('talk', 'hello', { agent: 'echo', id: 'a' });
  expect(first).toMatchObject({ code: EXIT.completed, stdout: 'You said: hello\n' });
  expect(first.stderr).toContain('talk/a');
  const later = await send('talk', 'later', { id: 'b', after: '1h' });
  expect(later).toMatchObject({ code: EXIT.completed, stdout: 'talk/b\n' });
  const shown = await run((context) => sessionShowCommand(context, 'talk', { transcript: true }));
  expect(shown.stdout).toMatch(
    /^session {4}talk of echo, idle\nanswered {3}1, 2 messages in all, 1 of 100 in its mailbox$/m,
  );
  expect(shown.stdout).toMatch(/^later {6}\d{4}-\S+ talk\/b: later$/m);
  expect(shown.stdout).toContain('You said: hello');
  const json = await run((context) => sessionShowCommand(context, 'talk', {}), true);
  expect(JSON.parse(json.stdout)).toMatchObject({ status: 'idle', answered: 1, later: [{ id: 'b' }] });
});

test('paused, resumed, retired; refused for the moment it is 75, for good it is 1', async () => {
  await send('life', 'one', { agent: 'echo' });
  const paused = await run((context) => sessionPauseCommand(context, 'life', { reason: 'closed' }));
  expect(paused.stdout).toMatch(/^life {2}paused/);
  const info = async () => await used.stack.client.session<typeof agent>('echo', 'life', { tenant: 'default' }).info();
  await until(async () => (await info()).status === 'paused');
  expect(await send('life', 'two', { detach: true, id: 'two' })).toMatchObject({ stdout: 'life/two\n' });
  expect(await refused(send('life', 'three'))).toMatch(/^75 busy: /);
  await run((context) => sessionResumeCommand(context, 'life', {}));
  await until(async () => (await info()).answered === 2);
  await run((context) => sessionRetireCommand(context, 'life', { reason: 'over' }));
  await until(async () => (await info()).status === 'retired');
  expect(await refused(send('life', 'four'))).toMatch(/^1 refused: session life is retired/);
});

test('a session and a fork that wait in a queue are shown with their place in it', async () => {
  const single = used.stack.client.agent('single');
  const first = await single.start('zero', { id: 'first' });
  await first.result();
  let letGo = (): void => undefined;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  let isHeld = false;
  used.model.setRespond(async ({ messages }) => {
    isHeld = true;
    await held;
    return { text: `You said: ${messages.at(-1)?.text}` };
  });
  const busy = await single.start('hold');
  await until(async () => isHeld);
  await send('waits', 'hello', { agent: 'lined', id: 'm', detach: true });
  const show = () => run((context) => sessionShowCommand(context, 'waits', {}));
  await until(async () => (await show()).stdout.includes('queued'));
  expect((await show()).stdout).toMatch(/^queued {5}place 1, /m);
  const fork = (id: string, json = false) => run((context) => forkCommand(context, 'first', { say: 'more', id }), json);
  expect(await fork('copy')).toMatchObject({ stdout: 'copy\n', stderr: expect.stringMatching(/queued {2}place 2, /) });
  expect(JSON.parse((await fork('other', true)).stdout)).toMatchObject({ runId: 'other', queued: { position: 3 } });
  letGo();
  await Promise.all([busy, used.stack.client.run('waits/m'), used.stack.client.run('copy')].map((one) => one.result()));
});

test('it is woken by a schedule, until it is not', async () => {
  const wake = (stop: boolean): Promise<Told> =>
    run((context) =>
      sessionWakeCommand(context, 'woken', stop ? undefined : 'now', {
        ...{ agent: 'echo', name: 'often' },
        ...(stop ? { stop } : { every: '1s' }),
      }),
    );
  expect((await wake(false)).stdout).toMatch(/^woken {2}woken as "often" from now on/);
  const session = used.stack.client.session<typeof agent>('echo', 'woken', { tenant: 'default' });
  await until(async () => (await session.info().catch(() => undefined))?.answered === 1);
  expect((await wake(true)).stdout).toContain('not woken as "often" any more');
  expect(await refused(wake(true))).toMatch(/^2 session-not-found/);
});

test('erased, nothing of a session is left: not its runs, not its own record, not its history', async () => {
  const CANARY = 'canary-of-a-session-4711';
  await send('gone', `I say ${CANARY}`, { agent: 'echo', id: 'a' });
  await send('gone', `and again ${CANARY}`, { id: 'b' });
  await send('gone', `and later ${CANARY}`, { id: 'c', after: '1h' });
  const one = await run((context) => eraseCommand(context, 'gone/a', { yes: true }));
  expect(one.stderr).toContain('longhaul erase --session gone');
  const erased = await run((context) => eraseCommand(context, undefined, { session: 'gone', yes: true }));
  expect(erased.stdout).toMatch(/^1 run of session gone {2}erased/);
  const { store, temporal } = used.stack;
  expect((await allRefs(store, '')).filter((ref) => JSON.stringify(ref).includes(CANARY))).toEqual([]);
  for (let nth = 0; nth < 3; nth += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    await collectGarbage(store, { graceMs: 5 });
  }
  const names = (await store.listObjects()).map(({ name }) => name);
  const left = (await store.get(names)).filter((bytes) => Buffer.from(bytes).includes(CANARY));
  expect(left).toEqual([]);
  // Temporal deletes what it was asked to when it comes to it.
  const session = temporal.workflow.getHandle(sessionWorkflowId('gone'));
  expect(
    await session.describe().then(
      ({ status }) => status.name,
      () => 'GONE',
    ),
  ).toMatch(/^(TERMINATED|GONE)$/);
});
