// From a caller's cancel to the closed socket, as the server at the other end sees it: calls of models and of a toolbox, first attempts and
// second ones. Beside it the floor, an activity that does nothing else, and the fallback, in which nothing but a heartbeat tells of a cancel.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { Client, WorkflowFailedError } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { builtCli, drillEnv, TOP } from '../../infra/drills/checkout';
import { script, startModelServer, type Fault, type ModelServer, type RequestRecord } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';
import type { holder } from './cancel-agents/holder/agent';
import { prose } from './prose';

export interface CancelOptions {
  /** Of each kind of call. */
  samples: number;
  /** Of each kind of call where the server does not push: each takes seconds. */
  unpushed: number;
}

export interface CancelFigures {
  what: string;
  /** Of each sample, in the order in which they were taken. */
  ms: number[];
  /** Sockets that were closed before the first heartbeat of their attempt was due: so it was not what told of the cancel. */
  beforeHeartbeat: number;
}

/** As activities/create-activities.ts beats: an attempt's first beat comes so long after its beginning. */
const HEARTBEAT_MS = 5_000;
/** Of that, what may have passed between the beginning of an attempt and the arrival of its request. */
const BEGINNING_MS = 500;
/** From a request's arrival to the first cancel: by then a stream has begun. Cancels are spread over the time that follows. */
const FIRST_MS = 100;
const SPREAD_MS = 100;

/** The nearest rank. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil((sorted.length * share) / 100) - 1] ?? NaN;
}

interface Call {
  what: string;
  act: 'speak' | 'hold';
  /** Which of the run's requests is open when it is cancelled: one that is not the first comes after a 500. */
  nth: 1 | 2;
  /** What keeps it open. */
  open: Fault['do'];
}

/** Some 40 s, unless it is stopped. */
const STREAM: Fault['do'] = { slowStreamMsPerChunk: 50 };
const SPEECH = prose(1, 20_000);
const SILENCE: Fault['do'] = { hang: true };

const CALLS: readonly Call[] = [
  { what: 'model call, its answer streams', act: 'speak', nth: 1, open: STREAM },
  { what: 'model call, no answer yet', act: 'speak', nth: 1, open: SILENCE },
  { what: 'model call, second attempt, streams', act: 'speak', nth: 2, open: STREAM },
  { what: 'tool call in a toolbox', act: 'hold', nth: 1, open: SILENCE },
  { what: 'tool call in a toolbox, second attempt', act: 'hold', nth: 2, open: SILENCE },
];
/** One for each task queue. */
const FALLBACK = CALLS.filter(({ nth, open, act }) => nth === 1 && (act === 'hold' || open === STREAM));
const BARE = 'floor: an activity that does nothing else';

/** The id of a run, named in what it asks for; as long as any other, so that none is a part of another. */
const markOf = (call: string, sample: number): string => `${call}-${String(sample).padStart(5, '0')}`;

export async function cancelFigures({ samples, unpushed }: CancelOptions): Promise<CancelFigures[]> {
  const model = await startModelServer({
    respond: ({ messages }) =>
      (messages.some(({ text }) => text.includes('"hold"'))
        ? script().call('hold', {})
        : script().answer(SPEECH)
      ).turnAt(0),
  });
  try {
    return [...(await pushed(model, samples)), ...(await fallback(model, unpushed))];
  } finally {
    await model.close();
  }
}

/** Kinds of calls take turns, so that what else the machine does meanwhile strikes all of them. */
async function pushed(model: ModelServer, samples: number): Promise<CancelFigures[]> {
  return await withWorkers(model, {}, async (stack) => {
    const figures = [...CALLS.map(({ what }) => what), BARE].map((what): CancelFigures => ({
      what,
      ms: [],
      beforeHeartbeat: 0,
    }));
    for (let sample = 0; sample < samples; sample += 1) {
      for (const [at, of] of figures.entries()) {
        const call = CALLS[at];
        const mark = markOf(`pushed-${at}`, sample);
        const waitMs = FIRST_MS + ((sample * 37) % SPREAD_MS);
        const one = { model, stack, mark, waitMs };
        keep(of, await (call ? cancelled(call, one) : bareCancelled(one)));
        model.clearFaults();
      }
    }
    return figures;
  });
}

/** All at once, since they wait for most of their time; cancelled at moments that are spread over the time between two beats. */
async function fallback(model: ModelServer, samples: number): Promise<CancelFigures[]> {
  const off = { 'system.enableCancelActivityWorkerCommand': false };
  return await withWorkers(model, off, async (stack) =>
    Promise.all(
      FALLBACK.map(async (call, at) => {
        const figures: CancelFigures = { what: `without the push: ${call.what}`, ms: [], beforeHeartbeat: 0 };
        await Promise.all(
          Array.from({ length: samples }, async (_, sample) => {
            const waitMs = FIRST_MS + (HEARTBEAT_MS * sample) / samples;
            keep(figures, await cancelled(call, { model, stack, mark: markOf(`beaten-${at}`, sample), waitMs }));
          }),
        );
        return figures;
      }),
    ),
  );
}

function keep(figures: CancelFigures, { ms, openMs }: Closed): void {
  figures.ms.push(ms);
  if (openMs < HEARTBEAT_MS - BEGINNING_MS) figures.beforeHeartbeat += 1;
}

interface One {
  model: ModelServer;
  stack: TestStack;
  /** The run's id. */
  mark: string;
  /** From the request's arrival to the cancel. */
  waitMs: number;
}

interface Closed {
  /** From the call of cancel. */
  ms: number;
  /** Of the request, from its arrival. */
  openMs: number;
}

async function cancelled({ act, nth, open }: Call, one: One): Promise<Closed> {
  const { model, stack, mark } = one;
  const of = act === 'hold' ? { path: `/models/${mark}` } : { bodyIncludes: mark };
  if (nth > 1) model.addFaults({ when: { ...of, nth: 1 }, do: { status: 500 } });
  model.addFaults({ when: { ...of, nth, times: 1 }, do: open });
  const isMine = ({ path: asked, body }: RequestRecord): boolean =>
    act === 'hold' ? asked.endsWith(`/${mark}`) : (body?.includes(mark) ?? false);
  const arrival = arrivalOf(model, isMine, nth);
  const run = await stack.client.agent<typeof holder>('holder').start({ mark, act, server: model.url }, { id: mark });
  const closed = await closing(one, await arrival, () => run.cancel('measured'));
  const { outcome } = await run.result();
  if (outcome !== 'cancelled') throw new Error(`${mark} was cancelled, and ${outcome}.`);
  return closed;
}

async function bareCancelled(one: One): Promise<Closed> {
  const { model, stack, mark } = one;
  model.addFaults({ when: { path: `/models/${mark}` }, do: SILENCE });
  const arrival = arrivalOf(model, (request) => request.path.endsWith(`/${mark}`), 1);
  // Without the stack's codec, which the bare worker has not.
  const temporal = new Client({ connection: stack.temporal.connection, namespace: stack.server.namespace });
  const run = await temporal.workflow.start('bareHold', {
    workflowId: mark,
    taskQueue: 'bare',
    args: [`${model.url}/models/${mark}`],
  });
  const closed = await closing(one, await arrival, () => run.cancel());
  await run.result().catch((error: unknown) => {
    if (!(error instanceof WorkflowFailedError)) throw error;
  });
  return closed;
}

function arrivalOf(
  model: ModelServer,
  isMine: (request: RequestRecord) => boolean,
  nth: number,
): Promise<RequestRecord> {
  return new Promise((resolve) => {
    let seen = 0;
    const off = model.on('arrived', (request) => {
      if (!isMine(request) || (seen += 1) < nth) return;
      off();
      resolve(request);
    });
  });
}

async function closing(
  { model, waitMs }: One,
  request: RequestRecord,
  cancel: () => Promise<unknown>,
): Promise<Closed> {
  const arrivedAt = performance.now();
  await pause(waitMs);
  const closed = new Promise<number>((resolve) => {
    const off = model.on('ended', (record) => {
      if (record !== request) return;
      off();
      resolve(performance.now());
    });
  });
  if (request.outcome !== 'open') throw new Error(`the request was ${request.outcome} before it was cancelled.`);
  const cancelledAt = performance.now();
  const told = cancel();
  const closedAt = await closed;
  await told;
  if (request.closedByClientAt === undefined) throw new Error(`the request was ${request.outcome}, and not closed.`);
  return { ms: closedAt - cancelledAt, openMs: closedAt - arrivedAt };
}

/** As in production: runs and their model calls in a process of their own, the toolbox in another that it starts. */
async function withWorkers<T>(
  model: ModelServer,
  dynamicConfig: { readonly [key: string]: boolean },
  work: (stack: TestStack) => Promise<T>,
): Promise<T> {
  const stack = await startTestStack({ agents: [], modelUrl: model.url, dynamicConfig });
  await stack.stopWorker();
  const worker = await startWorkerProcess(stack, model);
  try {
    return await withBareWorker(stack, () => work(stack));
  } finally {
    await worker.stop();
    await stack.close();
  }
}

async function startWorkerProcess(
  { server, stateDir }: TestStack,
  model: ModelServer,
): Promise<{ stop(): Promise<void> }> {
  const agents = path.join(TOP, 'test', 'benchmarks', 'cancel-agents');
  const child = spawn(process.execPath, [builtCli(), '--agents', agents, '--state-dir', stateDir, 'worker'], {
    cwd: TOP,
    env: drillEnv({
      TEMPORAL_ADDRESS: server.address,
      OPENAI_BASE_URL: model.url,
      OPENAI_API: 'chat',
      OPENAI_API_KEY: 'sk-of-the-benchmark',
    }),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  const ready = once(createInterface({ input: child.stdout }), 'line');
  const first = await Promise.race([ready, exit.then(() => undefined)]);
  if (first === undefined) throw new Error('the worker has ended before it was ready.');
  return {
    stop: async () => {
      child.kill('SIGTERM');
      await exit;
    },
  };
}

async function withBareWorker<T>(stack: TestStack, work: () => Promise<T>): Promise<T> {
  const connection = await NativeConnection.connect({ address: stack.server.address });
  const worker = await Worker.create({
    connection,
    taskQueue: 'bare',
    workflowsPath: require.resolve('./bare-workflows'),
    activities: {
      // Where a push is lost it would never end otherwise.
      hold: async (url: string) => {
        const context = Context.current();
        const beat = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
        await fetch(url, { signal: context.cancellationSignal }).finally(() => clearInterval(beat));
      },
    },
    maxHeartbeatThrottleInterval: HEARTBEAT_MS,
  });
  // As our own workers do (workers/create-worker.ts): only then is the SDK ready for pushes.
  await connection.workflowService.getSystemInfo({});
  try {
    return await worker.runUntil(work);
  } finally {
    await connection.close();
  }
}
