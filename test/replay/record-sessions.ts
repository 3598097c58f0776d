// Histories of sessions: what reaches one while it answers, how it ends, and how it goes on as new with a run under way.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import type { SessionHandle } from '../../client/session-handle';
import { sessionWorkflowId } from '../../workflows/contract/names';
import type { ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';
import { until } from '../stack/until';
import { heldAnswers, type HeldAnswers } from './held-answers';
import { isKept, keepHistory } from './keep-history';

const note = defineTool({
  name: 'note',
  description: 'Notes something.',
  input: z.object({ text: z.string() }),
  output: z.string(),
  effect: 'read',
  run: ({ text }) => `noted ${text}`,
});
const about = { instructions: 'Talk.', mode: 'session', tools: [note] } as const;
const friend = defineAgent({ name: 'friend', ...about });
const hasty = defineAgent({ name: 'hasty', ...about, session: { onBusy: 'interrupt' } });
const listening = defineAgent({ name: 'listening', ...about, session: { onBusy: 'steer' } });
const brief = defineAgent({ name: 'brief', ...about, session: { idle: '1s' } });
const agents = [friend, hasty, listening, brief];
/** Of a session that goes on as new soon. */
const SHORT = { 'limit.historyCount.suggestContinueAsNew': 40 };

type Session = SessionHandle<typeof friend>;

interface Recorder {
  stack: TestStack;
  answers: HeldAnswers;
  session(agent: string, id: string): Session;
  keep(session: string, path: string): Promise<void>;
}

const recorderOf = (stack: TestStack, answers: HeldAnswers, date: string): Recorder => ({
  ...{ stack, answers },
  session: (agent, id) => stack.client.session<typeof friend>(agent as 'friend', id),
  keep: (session, path) => keepHistory(stack, sessionWorkflowId(session), `agent-session-${path}`, date),
});

async function recordBusy({ answers, session, keep }: Recorder): Promise<void> {
  const haste = session('hasty', 'haste');
  const slow = answers.hold('noted note one');
  await haste.send('note one', { id: 'a' });
  await slow.arrived;
  await (await haste.send('two', { id: 'b' })).result();
  await until(async () => (await haste.info()).answered === 2);
  await keep('haste', 'interrupted');

  const ears = session('listening', 'ears');
  const gate = answers.hold('one');
  const first = await ears.send('one', { id: 'a' });
  await gate.arrived;
  await Promise.all(['b', 'b', 'b'].map((id) => ears.send('two', { id })));
  gate.letGo();
  await first.result();
  await (await ears.send('three', { id: 'c' })).result();
  await until(async () => (await ears.info()).answered === 2);
  await keep('ears', 'steered');
}

async function recordLife({ stack, answers, session, keep }: Recorder): Promise<void> {
  const life = session('friend', 'life');
  await (await life.send('one', { id: 'a' })).result();
  const soon = await life.send('soon', { id: 'soon', after: '1s' });
  await soon.result();
  await life.pause('closed');
  await life.send('two', { id: 'b' });
  await life.resume();
  await life.send('later', { id: 'later', after: '1h' });
  const gate = answers.hold('three');
  const third = await life.send('three', { id: 'c' });
  await gate.arrived;
  await life.retire('it moved');
  gate.letGo();
  await third.result();
  await stack.temporal.workflow.getHandle(sessionWorkflowId('life')).result();
  await keep('life', 'paused-and-retired');

  await (await session('brief', 'nap').send('one', { id: 'a' })).result();
  await stack.temporal.workflow.getHandle(sessionWorkflowId('nap')).result();
  await keep('nap', 'asleep');
}

/** A run that tells nothing, and a message that cannot be read for the moment. */
async function recordTroubles({ stack, answers, session, keep }: Recorder): Promise<void> {
  const lost = session('friend', 'lost');
  const gate = answers.hold('lost one');
  const run = await lost.send('lost one', { id: 'a' });
  await gate.arrived;
  await stack.temporal.workflow.getHandle(run.id).terminate('by hand');
  await (await lost.send('two', { id: 'b' })).result();
  await until(async () => (await lost.info()).answered === 2);
  await keep('lost', 'run-terminated');

  const unread = session('friend', 'unread');
  await (await unread.send('one', { id: 'a' })).result();
  await unread.pause();
  const waiting = await unread.send('unread', { id: 'b' });
  const mail = await stack.store.readRef('mail/unread/b');
  const { message } = z.object({ message: z.string() }).parse(mail?.value);
  const [bytes] = await stack.store.get([message]);
  await stack.store.deleteObjects([message], Date.now() + 1_000);
  await unread.resume();
  await until(async () => (await unread.info()).reason?.startsWith('Store.') === true);
  await stack.store.commit({ objects: bytes ? [bytes] : [] });
  await unread.resume();
  await waiting.result();
  await until(async () => (await unread.info()).answered === 2);
  await keep('unread', 'paused-by-a-failure');
}

/** By plain Temporal, while one message is answered, one waits, and one is for later. */
async function recordCancelled({ stack, answers, session, keep }: Recorder): Promise<void> {
  const stopped = session('friend', 'stopped');
  const gate = answers.hold('slow');
  const run = await stopped.send('slow', { id: 'slow' });
  await gate.arrived;
  await stopped.send('next', { id: 'next' });
  await stopped.send('later', { id: 'later', after: '1h' });
  const handle = stack.temporal.workflow.getHandle(sessionWorkflowId('stopped'));
  await handle.cancel();
  await handle.result().catch(() => undefined);
  gate.letGo();
  await run.result();
  await keep('stopped', 'cancelled');
}

async function recordContinued({ answers, session, stack, keep }: Recorder): Promise<void> {
  const long = session('friend', 'long');
  const gate = answers.hold('slow');
  const run = await long.send('slow', { id: 'slow' });
  await gate.arrived;
  const next = await long.send('next', { id: 'next' });
  const later = await long.send('later', { id: 'later', after: '2s' });
  const handle = stack.temporal.workflow.getHandle(sessionWorkflowId('long'));
  const { runId } = await handle.describe();
  while ((await handle.describe()).runId === runId) await long.send('slow', { id: 'slow' });
  gate.letGo();
  for (const one of [run, next, later]) await one.result();
  await until(async () => (await long.info()).answered === 3);
  await keep('long', 'continued-with-a-run-under-way');
}

async function recordWake({ stack, session }: Recorder, date: string): Promise<void> {
  const watch = session('friend', 'watch');
  await watch.wake('anything new?', { name: 'often', every: '1s' });
  const woken = async (): Promise<string | undefined> => {
    for await (const one of stack.temporal.workflow.list({ query: "WorkflowType = 'sessionWake'" }))
      if (one.status.name === 'COMPLETED') return one.workflowId;
    return undefined;
  };
  await until(async () => (await woken()) !== undefined);
  await watch.stopWaking('often');
  await keepHistory(stack, (await woken()) ?? '', 'session-wake-sent', date);
}

/** By the path that each keeps last. */
const RECORDED = [
  ['agent-session-steered', recordBusy],
  ['agent-session-asleep', recordLife],
  ['agent-session-paused-by-a-failure', recordTroubles],
  ['agent-session-cancelled', recordCancelled],
  ['session-wake-sent', recordWake],
] as const;

export async function recordSessions(model: ModelServer, date: string): Promise<void> {
  const answers = heldAnswers();
  model.setRespond(answers.respond);
  const stack = await startTestStack({ agents, modelUrl: model.url });
  const recorder = recorderOf(stack, answers, date);
  for (const [last, record] of RECORDED) if (!isKept(last)) await record(recorder, date);
  await stack.close();
  const short = await startTestStack({ agents, modelUrl: model.url, dynamicConfig: SHORT });
  await recordContinued(recorderOf(short, answers, date));
  await short.close();
}
