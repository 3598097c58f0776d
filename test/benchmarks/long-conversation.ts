// 100 model calls and 100 tool calls on a conversation of 200,000 tokens: what Temporal and the store hold of it, beside the floor of bare
// activities, and beside the usual design, which hands the conversation to every activity.
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { Client, WorkflowFailedError } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { z } from 'zod';
import { openKeyRing } from '../../activities/keys';
import { defineAgent, defineTool } from '../../activities/define';
import { tokenCounter } from '../../activities/context/count-tokens';
import { encodeMessage } from '../../activities/store';
import { script, startModelServer } from '../kit/model-server';
import { reasonOf } from '../../infra/temporal/error-reason';
import { payloadText } from '../stack/payload-text';
import type { TestTemporal } from '../stack/temporal-on-postgres';
import { startTestStack, type TestStack } from '../stack/test-stack';
import { prose } from './prose';

export interface LongConversationOptions {
  /** Each a model call and a tool call. */
  turns: number;
  /** Of a tool's result. */
  pageBytes: number;
  /** @default LMDB, in the stack's own folder */
  storeUrl?: string;
  /** Bytes that the store takes, where it is not a folder. */
  storeBytes?: () => Promise<number>;
  /** @default the embedded one */
  startServer?: () => Promise<TestTemporal>;
}

export interface LongConversation {
  outcome: string;
  tokens: number;
  conversationBytes: number;
  activities: number;
  historyBytes: number;
  bytesPerActivity: number;
  floorBytesPerActivity: number;
  /** Median of a call's events in the last fifth, as a share of the first fifth's. */
  flatness: number;
  storedBytes: number;
  seconds: number;
}

const KEY = Buffer.alloc(32, 7).toString('base64');

export async function longConversation(options: LongConversationOptions): Promise<LongConversation> {
  const { turns, pageBytes } = options;
  const page = defineTool({
    name: 'page',
    description: 'Reads a page.',
    input: z.object({ number: z.number() }),
    output: z.string(),
    effect: 'read',
    run: ({ number }) => prose(number + 1, pageBytes),
  });
  const reader = defineAgent({
    name: 'reader',
    instructions: 'Read.',
    tools: [page],
    limits: { turns: turns + 1, toolCalls: turns },
  });
  const pages = Array.from({ length: turns }, (_, number) => number);
  const model = await startModelServer({
    script: pages.reduce((all, number) => all.call('page', { number }), script()).answer('read'),
  });
  const stack = await startTestStack({
    agents: [reader],
    modelUrl: model.url,
    keys: openKeyRing(`bench:${KEY}`),
    ...(options.storeUrl === undefined ? {} : { storeUrl: options.storeUrl }),
    ...(options.startServer ? { server: await options.startServer() } : {}),
  });
  try {
    const before = await storedBytes(stack, options);
    const startedAt = Date.now();
    const run = await stack.client.agent<typeof reader>('reader').start('read it all', { id: 'long' });
    const { outcome } = await run.result();
    const seconds = (Date.now() - startedAt) / 1_000;
    const { raw } = await run.describe();
    const historyBytes = Number(raw.workflowExecutionInfo?.historySizeBytes ?? 0);
    const history = await stack.temporal.workflow.getHandle('long').fetchHistory();
    const sizes = callSizes(history.events ?? []);
    const fifth = Math.max(1, Math.floor(sizes.length / 5));
    const transcript = await run.transcript();
    const counter = tokenCounter('gpt-4o');
    const floorBytes = await bareFloor(stack, sizes.length);
    return {
      outcome,
      tokens: transcript.reduce((sum, message) => sum + counter.count(message), 0),
      conversationBytes: transcript.reduce((sum, message) => sum + encodeMessage(message).length, 0),
      activities: sizes.length,
      historyBytes,
      bytesPerActivity: Math.round(historyBytes / sizes.length),
      floorBytesPerActivity: Math.round(floorBytes / sizes.length),
      flatness: median(sizes.slice(-fifth)) / median(sizes.slice(0, fifth)),
      storedBytes: (await storedBytes(stack, options)) - before,
      seconds,
    };
  } finally {
    await stack.close();
    await model.close();
  }
}

const storedBytes = (stack: TestStack, { storeBytes }: LongConversationOptions): Promise<number> =>
  storeBytes?.() ?? Promise.resolve(folderBytes(path.join(stack.stateDir, 'store')));

function folderBytes(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(path.join(parentPath, name)).size, 0);
}

/** Of each activity's own events, as JSON, in order. */
function callSizes(events: readonly unknown[]): number[] {
  const sizes = new Map<string, number>();
  for (const event of events) {
    const record = event as {
      eventId?: { toString(): string };
      activityTaskScheduledEventAttributes?: object | null;
      activityTaskStartedEventAttributes?: { scheduledEventId?: { toString(): string } } | null;
      activityTaskCompletedEventAttributes?: { scheduledEventId?: { toString(): string } } | null;
    };
    const size = payloadText(event).length;
    if (record.activityTaskScheduledEventAttributes) sizes.set(String(record.eventId), size);
    const of = record.activityTaskStartedEventAttributes ?? record.activityTaskCompletedEventAttributes;
    const known = sizes.get(String(of?.scheduledEventId));
    if (known !== undefined) sizes.set(String(of?.scheduledEventId), known + size);
  }
  return [...sizes.values()];
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;

async function withBareWorker<T>(
  stack: TestStack,
  act: (conversation: string[]) => string,
  work: () => Promise<T>,
): Promise<T> {
  const connection = await NativeConnection.connect({ address: stack.server.address });
  const worker = await Worker.create({
    connection,
    taskQueue: 'bare',
    workflowsPath: require.resolve('./bare-workflows'),
    activities: {
      bare: () => Promise.resolve(null),
      answer: () => Promise.resolve('page'),
      act: (conversation: string[]) => Promise.resolve(act(conversation)),
    },
  });
  try {
    return await worker.runUntil(work);
  } finally {
    await connection.close();
  }
}

/** Without the stack's codec, which the bare worker has not. */
const started = ({ temporal, server }: TestStack, type: string, workflowId: string, args: unknown[]) =>
  new Client({ connection: temporal.connection, namespace: server.namespace }).workflow.start(type, {
    workflowId,
    taskQueue: 'bare',
    args,
  });

/** @returns bytes of history that as many activities cost which carry nothing */
async function bareFloor(stack: TestStack, calls: number): Promise<number> {
  return await withBareWorker(stack, String, async () => {
    const handle = await started(stack, 'bareCalls', 'bare', [calls]);
    await handle.result();
    return Number((await handle.describe()).raw.workflowExecutionInfo?.historySizeBytes ?? 0);
  });
}

export interface NaiveRun {
  asked: number;
  /** Turns that were whole. */
  turns: number;
  historyBytes: number;
  seconds: number;
  /** Why it ended; absent where it did all. */
  failure?: string;
}

/** The usual design, for as many turns, until it fails. */
export async function naiveRun({ turns, pageBytes, startServer }: LongConversationOptions): Promise<NaiveRun> {
  const model = await startModelServer({ script: script() });
  const stack = await startTestStack({
    agents: [],
    modelUrl: model.url,
    ...(startServer ? { server: await startServer() } : {}),
  });
  try {
    let acted = 0;
    const act = (conversation: string[]): string => {
      acted += 1;
      return prose(conversation.length, pageBytes);
    };
    return await withBareWorker(stack, act, async () => {
      const startedAt = Date.now();
      const handle = await started(stack, 'naiveRun', 'naive', [turns]);
      const failure = await handle.result().then(
        () => undefined,
        (error: unknown) => error,
      );
      const { raw } = await handle.describe();
      const why = failure instanceof WorkflowFailedError ? (failure.cause?.message ?? failure.message) : undefined;
      return {
        asked: turns,
        turns: acted,
        historyBytes: Number(raw.workflowExecutionInfo?.historySizeBytes ?? 0),
        seconds: (Date.now() - startedAt) / 1_000,
        ...(failure === undefined ? {} : { failure: why ?? reasonOf(failure) }),
      };
    });
  } finally {
    await stack.close();
    await model.close();
  }
}
