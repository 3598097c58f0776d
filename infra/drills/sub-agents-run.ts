// One run of the manager, whose calls are runs of the cashier: where its processes are killed, and what the store and the till know of it
// afterwards.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { allRefs, type ContentStore } from '../../activities/store';
import { openStore } from '../../activities/store/open-store';
import { OPEN_PREFIX, RUN_PREFIX } from '../../activities/store/ref-names';
import { callsOf, totalsOf, type CallTotals } from '../../activities/store/run-calls';
import { script, startModelServer, type ModelServer, type Respond } from '../../test/kit';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import type { CliProcess } from './cli-process';
import { isDone, startAgent, toldCall, type Asked, type Till, type Told } from './effects-run';
import { killedLives, pause, untilHolds, type LivesEnd } from './killed-lives';

/** What is seen from outside before everything is killed, a while later. */
export const MOMENTS = {
  acts: 'its tool acts',
  begins: 'it is begun',
  takes: 'its answer is taken',
  waits: 'it asks its model',
} as const;
export type Moment = keyof typeof MOMENTS;

/** By the number of the manager's call, from 0. */
export interface SubAgentKill {
  call: number;
  moment: Moment;
  afterMs: number;
}

/** A call of the manager, as the runs tell it that it has begun. */
export interface SubAgentCall {
  told: Told;
  runs: RunRecord[];
  /** Type of the failure that the manager was told. */
  failure?: string;
}

export interface SubAgentsRun extends LivesEnd {
  calls: SubAgentCall[];
  /** The manager's record, and the totals of its own calls, without those of the runs that it has begun. */
  manager: RunRecord | undefined;
  own: CallTotals;
  /** Ids of runs that are listed as open. */
  open: string[];
}

export interface SubAgentsRunOptions {
  till: Till;
  asked: readonly Asked[];
  kills: readonly SubAgentKill[];
  temporalCli: string;
}

/** Calls are made one after the other, each a run of its own that makes one call of a tool. */
export async function subAgentsRun({ till, asked, kills, temporalCli }: SubAgentsRunOptions): Promise<SubAgentsRun> {
  const stateDir = mkdtempSync(join(tmpdir(), 'longhaul-sub-agents-'));
  const model = await startModelServer({ respond: respondFor(till, asked) });
  const store = openStore(`lmdb:${join(stateDir, 'store')}`);
  try {
    const end = await killedLives<SubAgentKill>({
      stateDir,
      kills,
      start: () => startAgent('manager', { stateDir, till, temporalCli, modelUrl: model.url }),
      reached: (process, kill) => reached({ process, till, model, store }, asked, kill),
    });
    return { ...end, ...(await readAfter(store, till, asked)) };
  } finally {
    await store.close();
    await model.close();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

const taskOf = ({ tool, item }: Asked): string => `${tool} ${item}`;
const cashierInput = z.object({ task: z.string(), till: z.string() });

/** What each of the two says follows from its conversation alone, so a repeated request has the same answer. */
function respondFor({ url }: Till, asked: readonly Asked[]): Respond {
  const manager = asked
    .reduce((turns, one) => turns.call('cashier', { task: taskOf(one), till: url }), script())
    .answer('done');
  return ({ messages, toolNames }) => {
    if (toolNames.includes('cashier')) return manager;
    const [tool = '', item = ''] = taskIn(messages).split(' ');
    return script().call(tool, { item }).answer(`${item} is done`);
  };
}

const taskIn = (messages: readonly { role: string; text: string }[]): string =>
  cashierInput.parse(JSON.parse(messages.find(({ role }) => role === 'user')?.text ?? '')).task;

interface Seen {
  process: CliProcess;
  till: Till;
  model: ModelServer;
  store: ContentStore;
}

async function reached(
  { process, till, model, store }: Seen,
  asked: readonly Asked[],
  { call, moment, afterMs }: SubAgentKill,
): Promise<boolean> {
  const one = asked[call];
  // Before that there is no server to be killed.
  if (!one || !(await process.saying(/^run +\S+|^going on/m))) return false;
  const holds = {
    acts: () => isDone(till, one),
    waits: () => model.requests().some(({ body }) => asksFor(body, one)),
    begins: async () => (await runsOf(store, call)).length > 0,
    takes: async () => (await runsOf(store, call)).some(({ ended }) => ended),
  }[moment];
  if (!(await untilHolds(process, holds))) return false;
  await pause(afterMs);
  return true;
}

const chatRequest = z.object({ messages: z.array(z.object({ role: z.string(), content: z.unknown() })) });

/** By its first message, in which the manager's names no task of one call. */
function asksFor(body: Buffer | undefined, one: Asked): boolean {
  const { data } = chatRequest.safeParse(JSON.parse(body?.toString('utf8') ?? 'null'));
  const first = data?.messages.find(({ role }) => role === 'user');
  return JSON.stringify(first?.content ?? '').includes(taskOf(one));
}

async function runRecords(store: ContentStore): Promise<RunRecord[]> {
  const refs = await allRefs(store, RUN_PREFIX);
  return refs.map(({ value }) => runRecordSchema.parse(value));
}

/** A call is a turn of the manager's. */
const isOfCall = ({ parent }: RunRecord, call: number): boolean => parent?.turn === call + 1 && parent.index === 1;
const runsOf = async (store: ContentStore, call: number): Promise<RunRecord[]> =>
  (await runRecords(store)).filter((record) => isOfCall(record, call));

/** When no process is at work any more. */
async function readAfter(
  store: ContentStore,
  till: Till,
  asked: readonly Asked[],
): Promise<Pick<SubAgentsRun, 'calls' | 'manager' | 'own' | 'open'>> {
  const records = await runRecords(store);
  const manager = records.find(({ parent }) => !parent);
  const { calls: own } = await callsOf(store, manager?.ended?.firstRunId ?? '');
  const calls = asked.map(async (one, call) => {
    const runs = records.filter((record) => isOfCall(record, call));
    const made = (await Promise.all(runs.map(({ ended }) => callsOf(store, ended?.firstRunId ?? '')))).flatMap(
      (of) => of.calls,
    );
    const acted = made.flatMap(({ record }) => (record.kind === 'tool' ? record : []));
    const mine = own.find(({ turn, index }) => turn === call + 1 && index === 1)?.record;
    const failure = mine?.kind === 'tool' ? mine.result.failure : 'no record';
    return { told: toldCall(till, one, acted[0]), runs, ...(failure === undefined ? {} : { failure }) };
  });
  return {
    calls: await Promise.all(calls),
    manager,
    own: totalsOf(own),
    open: (await allRefs(store, OPEN_PREFIX)).map(({ name }) => name.slice(OPEN_PREFIX.length)),
  };
}
