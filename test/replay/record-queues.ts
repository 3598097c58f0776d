// Histories of queues: runs that begin, expire, are withdrawn and refused, end unheard, and wait while the queue goes on as new.
import { defineAgent } from '../../activities/define';
import type { RunHandle } from '../../client/run-handle';
import { QUERY_NAMES, queueId } from '../../workflows/contract/names';
import type { QueueView } from '../../workflows/contract/queue';
import type { PublishedQueue } from '../../workflows/contract/schemas/queue';
import type { ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';
import { until } from '../stack/until';
import { heldAnswers, type HeldAnswers } from './held-answers';
import { isKept, keepHistory } from './keep-history';

const queue = (given: Partial<PublishedQueue>): PublishedQueue => ({
  ...{ depth: 100, concurrency: 1, weights: {}, shards: 1, degrade: [] },
  ...given,
});
const queues = {
  line: queue({ depth: 4, concurrency: 2, degrade: [{ above: 0.3, limits: { turns: 2 } }], weights: { acme: 2 } }),
  brief: queue({ ttlMs: 1_500 }),
  single: queue({}),
  ended: queue({}),
};
const agents = Object.keys(queues).map((name) => defineAgent({ name, instructions: 'Say.', queue: name }));
/** Of a queue that goes on as new soon. */
const SHORT = { 'limit.historyCount.suggestContinueAsNew': 40 };

interface Recorder {
  stack: TestStack;
  answers: HeldAnswers;
  start(queue: string, text: string, options?: object): Promise<RunHandle<unknown>>;
  empty(queue: string): Promise<void>;
  keep(queue: string, path: string): Promise<void>;
}

const recorderOf = (stack: TestStack, answers: HeldAnswers, date: string): Recorder => ({
  ...{ stack, answers },
  start: (name, text, options = {}) => stack.client.agent(name).start(text, options),
  empty: (name) =>
    until(async () => {
      const handle = stack.temporal.workflow.getHandle(queueId('agents', name, 0));
      const { depth, running } = await handle.query<QueueView>(QUERY_NAMES.queue);
      return depth + running === 0;
    }, 120_000),
  keep: (name, path) => keepHistory(stack, queueId('agents', name, 0), `run-queue-${path}`, date),
});

async function recordLine({ answers, start, empty, keep }: Recorder): Promise<void> {
  const gates = ['one', 'two'].map((text) => answers.hold(text));
  const first = await Promise.all(['one', 'two'].map((text) => start('line', text)));
  await Promise.all(gates.map(({ arrived }) => arrived));
  const third = await start('line', 'three');
  const urgent = await start('line', 'urgent', { priority: 'high' });
  const others = await Promise.all([start('line', 'other', { tenant: 'other' }), start('line', 'five')]);
  await start('line', 'six').catch((error: unknown) => process.stdout.write(`${String(error)}\n`));
  await third.cancel('not any more');
  for (const { letGo } of gates) letGo();
  await Promise.all([...first, urgent, ...others].map((run) => run.result()));
  await empty('line');
  await keep('line', 'begun-withdrawn-and-refused');

  const gate = answers.hold('brief one');
  const kept = await start('brief', 'brief one');
  await gate.arrived;
  await (await start('brief', 'brief two')).result();
  gate.letGo();
  await kept.result();
  await empty('brief');
  await keep('brief', 'expired');
}

async function recordUnheard({ stack, answers, start, empty, keep }: Recorder): Promise<void> {
  const gate = answers.hold('single one');
  const first = await start('single', 'single one');
  await gate.arrived;
  const second = await start('single', 'single two');
  await stack.temporal.workflow.getHandle(first.id).terminate('by hand');
  // Who has not been heard of is asked about after a minute.
  await until(async () => (await second.place()) === undefined, 120_000);
  await second.result();
  await empty('single');
  await keep('single', 'reconciled');
}

async function recordContinued({ stack, answers, start, empty, keep }: Recorder): Promise<void> {
  const gates = ['one', 'two'].map((text) => answers.hold(text));
  const runs = await Promise.all(['one', 'two'].map((text) => start('line', text)));
  await Promise.all(gates.map(({ arrived }) => arrived));
  runs.push(await start('line', 'three', { id: 'three' }));
  const handle = stack.temporal.workflow.getHandle(queueId('agents', 'line', 0));
  const { runId } = await handle.describe();
  while ((await handle.describe()).runId === runId) await start('line', 'three', { id: 'three' });
  for (const { letGo } of gates) letGo();
  await Promise.all(runs.map((run) => run.result()));
  await empty('line');
  await keep('line', 'continued-with-runs-that-wait');
}

async function recordEnded({ stack, answers, start, empty, keep }: Recorder): Promise<void> {
  const gate = answers.hold('ended one');
  const runs = [await start('ended', 'ended one')];
  await gate.arrived;
  runs.push(await start('ended', 'ended two'));
  await stack.temporal.workflow.getHandle(queueId('agents', 'ended', 0)).terminate('by hand');
  runs.push(await start('ended', 'ended three'));
  gate.letGo();
  await Promise.all(runs.map((run) => run.result()));
  await empty('ended');
  await keep('ended', 'terminated-and-begun-again');
}

/** By the path that each keeps last. */
const RECORDED = [
  ['expired', recordLine],
  ['reconciled', recordUnheard],
  ['terminated-and-begun-again', recordEnded],
] as const;

export async function recordQueues(model: ModelServer, date: string): Promise<void> {
  const answers = heldAnswers();
  model.setRespond(answers.respond);
  const stack = await startTestStack({ agents, queues, modelUrl: model.url });
  const recorder = recorderOf(stack, answers, date);
  for (const [last, record] of RECORDED) if (!isKept(`run-queue-${last}`)) await record(recorder);
  await stack.close();
  const short = await startTestStack({ agents, queues, modelUrl: model.url, dynamicConfig: SHORT });
  await recordContinued(recorderOf(short, heldAnswersOf(model), date));
  await short.close();
}

/** Nothing is let go yet. */
function heldAnswersOf(model: ModelServer): HeldAnswers {
  const answers = heldAnswers();
  model.setRespond(answers.respond);
  return answers;
}
