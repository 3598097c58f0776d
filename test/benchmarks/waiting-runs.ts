// Many runs that wait for a person: what each costs while nothing happens to it, over days that pass in moments, and that all of them are there
// to be answered afterwards.
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { allRefs } from '../../activities/store';
import { ClientError } from '../../client';
import { INBOX_PREFIX } from '../../activities/store/ref-names';
import { SEARCH_ATTRIBUTES } from '../../workflows/contract/names';
import { script, startModelServerProcess } from '../kit/model-server';
import { timeSkippingServer } from '../stack/test-server';
import { startTestStack, type TestStack } from '../stack/test-stack';

export interface WaitingOptions {
  runs: number;
  /** 0: on the embedded server, whose database is measured; its time is the machine's. */
  days: number;
  /** So many servers, one after the other, each with as many runs. @default 1 */
  servers?: number;
}

export interface WaitingFigures {
  /** From the first start until all have asked, and from the first answer until all have ended. */
  askedSeconds: number;
  answeredSeconds: number;
  completed: number;
  /** Of each run while all wait, in bytes. `server`: of its database; undefined where that is in memory. */
  store: number;
  server: number | undefined;
  /** Of this process, which has the worker, over what it had before. */
  worker: number;
  /** Of this process when the days have passed, over what it had when all had asked. */
  grown: number;
  /** Histories of runs when the days have passed: the longest, in events. */
  events: number;
}

export const WAITING_LONG: readonly WaitingOptions[] = [{ runs: 10_000, days: 0 }];
// Of more on one server, whose days begin together, the server that skips time loses some: it tells of all of its timers in each error,
// which is more than its connections take, and a task that was on its way there is lost until it is late.
export const WEEK_LONG: readonly WaitingOptions[] = [{ runs: 100, days: 7, servers: 100 }];
export const WAITING_SHORT: readonly WaitingOptions[] = [{ runs: 20, days: 0 }];
export const WEEK_SHORT: readonly WaitingOptions[] = [{ runs: 20, days: 7 }];

const AT_ONCE = 20;
const SAMPLES = 5;
const APPROVE_MOST = 5;
const DAY_MS = 86_400_000;

const pay = defineTool({
  name: 'pay',
  description: 'Pays.',
  input: z.object({ amount: z.number() }),
  output: z.string(),
  effect: 'keyed',
  approval: { within: '30d', remind: '1d', otherwise: 'deny' },
  run: () => 'paid',
});
const payer = defineAgent({ name: 'payer', instructions: 'Pay.', tools: [pay] });

export async function waitingRuns({ runs, days }: WaitingOptions): Promise<WaitingFigures> {
  let env: TestWorkflowEnvironment | undefined;
  const model = await startModelServerProcess({ script: script([payment]).answer('All is paid.') });
  const skippingDays = async () => {
    const begun = await skipping();
    env = begun;
    return { address: begun.address, namespace: 'default', stop: () => begun.teardown() };
  };
  const stack = await startTestStack({
    ...{ agents: [payer], modelUrl: model.url },
    ...(days > 0 ? { server: skippingDays } : {}),
  });
  try {
    return await measure(stack, runs, async () => await env?.sleep(days * DAY_MS));
  } finally {
    await stack.close();
    await model.close();
  }
}

const payment = { calls: [{ name: 'pay', args: { amount: 180 } }], text: 'I pay.' };

async function measure(stack: TestStack, runs: number, pass: () => Promise<void>): Promise<WaitingFigures> {
  const { client, store, stateDir } = stack;
  const ids = Array.from({ length: runs }, (_, nth) => `waits-${nth}`);
  const before = { memory: memory(), store: bytesOf(path.join(stateDir, 'store')), server: serverBytes(stateDir) };
  const began = Date.now();
  await each(ids, (id) => client.agent<typeof payer>('payer').start('go', { id }));
  while ((await allRefs(store, INBOX_PREFIX)).length < runs) await after(200);
  const askedSeconds = (Date.now() - began) / 1_000;
  const asked = memory();
  const stored = (bytesOf(path.join(stateDir, 'store')) - before.store) / runs;
  const server = before.server === undefined ? undefined : ((serverBytes(stateDir) ?? 0) - before.server) / runs;
  await pass();
  const grown = (memory() - asked) / runs;
  const events = await Promise.all(
    ids.slice(0, SAMPLES).map(async (id) => {
      const { historyLength } = await stack.temporal.workflow.getHandle(id).describe();
      return historyLength;
    }),
  );
  const answering = Date.now();
  const outcomes: string[] = [];
  await each(ids, async (id) => {
    const run = client.run(id);
    await approved(() => run.approve(1));
    outcomes.push((await run.result()).outcome);
  });
  return {
    ...{ askedSeconds, store: stored, server, worker: (asked - before.memory) / runs, grown },
    answeredSeconds: (Date.now() - answering) / 1_000,
    completed: outcomes.filter((outcome) => outcome === 'completed').length,
    events: Math.max(...events),
  };
}

/** A person whom nobody answered asks again: the server that skips time loses a query now and then. */
async function approved(approve: () => Promise<unknown>): Promise<void> {
  for (let asked = 1; ; asked += 1)
    try {
      await approve();
      return;
    } catch (error) {
      if (asked === APPROVE_MOST || !(ClientError.isInstance(error) && error.code === 'no-worker')) throw error;
    }
}

async function each(ids: readonly string[], work: (id: string) => Promise<unknown>): Promise<void> {
  const left = [...ids];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let id = left.shift(); id !== undefined; id = left.shift()) await work(id);
    }),
  );
}

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function memory(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss;
}

/** Of all files in a folder. */
const bytesOf = (folder: string): number =>
  readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const file = path.join(folder, entry.name);
    // What is written of it: LMDB's file may have holes.
    return sum + (entry.isDirectory() ? bytesOf(file) : statSync(file).blocks * BLOCK_BYTES);
  }, 0);
const BLOCK_BYTES = 512;

/** SQLite's, of the embedded server. */
function serverBytes(stateDir: string): number | undefined {
  const files = readdirSync(stateDir).filter((name) => name.startsWith('temporal.db'));
  if (files.length === 0) return undefined;
  return files.reduce((sum, name) => sum + statSync(path.join(stateDir, name)).size, 0);
}

async function skipping(): Promise<TestWorkflowEnvironment> {
  const env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: await timeSkippingServer() } },
  });
  // This server knows how to add search attributes, not how to list them. 2 is a Keyword, 7 a KeywordList.
  await env.connection.operatorService.addSearchAttributes({
    namespace: 'default',
    searchAttributes: Object.fromEntries(
      Object.entries(SEARCH_ATTRIBUTES).map(([name, kind]) => [name, kind === 'Keyword' ? 2 : 7]),
    ),
  });
  return env;
}
