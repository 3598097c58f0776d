// One run of the shopkeeper, whose calls are runs of the cashier: where its processes are killed, and what the store and the till know of it
// afterwards.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { allRefs, type ContentStore } from '../../activities/store';
import { openStore } from '../../activities/store/open-store';
import { OPEN_PREFIX, RUN_PREFIX, callRecordName } from '../../activities/store/ref-names';
import { callsOf, totalsOf, type CallTotals } from '../../activities/store/run-calls';
import { script, startModelServer, type ModelServer, type Respond } from '../../test/kit';
import type { ToolRecord } from '../../workflows/contract/schemas/call-record';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import type { CliProcess } from './cli-process';
import { isDone, startAgent, toldCall, type Asked, type Till, type Told } from './effects-run';
import { killedLives, pause, untilHolds, type LivesEnd } from './killed-lives';

/** What is seen from outside of the run of a call; a while later everything is killed. */
export const MOMENTS = {
  acts: 'its tool acted',
  begins: 'it was begun',
  takes: 'it ended',
  waits: 'it asked its model',
} as const;
export type Moment = keyof typeof MOMENTS;

/** A call of the shopkeeper's, by its turn and its place in it, both from 1. */
export interface PlacedCall extends Asked {
  turn: number;
  index: number;
}

export interface SubAgentKill {
  call: PlacedCall;
  moment: Moment;
  afterMs: number;
}

/** How far a call had come when everything was killed, as it is seen from outside. */
export const STAGES = ['not begun', 'begun', 'asking', 'acted', 'ended', 'taken'] as const;
export type Stage = (typeof STAGES)[number];

/** A call of the shopkeeper, as the runs tell it that it has begun. */
export interface SubAgentCall {
  call: PlacedCall;
  told: Told;
  runs: RunRecord[];
  /** Type of the failure that the shopkeeper was told. */
  failure?: string;
}

export interface SubAgentsRun extends LivesEnd {
  calls: SubAgentCall[];
  /** The shopkeeper's record, and the totals of its own calls, without those of the runs that it has begun. */
  shopkeeper: RunRecord | undefined;
  own: CallTotals;
  /** Ids of runs that are listed as open. */
  open: string[];
  /** What each kill met, of those that were made. */
  met: { kill: SubAgentKill; stage: Stage }[];
}

export interface SubAgentsRunOptions {
  till: Till;
  /** Turn after turn, those of one turn side by side. */
  asked: readonly PlacedCall[];
  kills: readonly SubAgentKill[];
  temporalCli: string;
}

/** Each call is a run of its own, which makes one call of a tool. */
export async function subAgentsRun({ till, asked, kills, temporalCli }: SubAgentsRunOptions): Promise<SubAgentsRun> {
  const stateDir = mkdtempSync(join(tmpdir(), 'longhaul-sub-agents-'));
  const model = await startModelServer({ respond: respondFor(till, asked) });
  const store = openStore(`lmdb:${join(stateDir, 'store')}`);
  const seen = { till, model, store };
  const met: SubAgentsRun['met'] = [];
  try {
    const end = await killedLives<SubAgentKill>({
      stateDir,
      kills,
      start: () => startAgent('shopkeeper', { stateDir, till, temporalCli, modelUrl: model.url }),
      reached: (process, kill) => reached(process, seen, kill),
      onKilled: async (kill) => void met.push({ kill, stage: await stageOf(seen, kill.call) }),
    });
    return { ...end, ...(await readAfter(store, till, asked)), met };
  } finally {
    await store.close();
    await model.close();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

const taskOf = ({ tool, item }: Asked): string => `${tool} ${item}`;
const cashierInput = z.object({ task: z.string(), till: z.string() });

/** What each of the two says follows from its conversation alone, so a repeated request has the same answer. */
function respondFor({ url }: Till, asked: readonly PlacedCall[]): Respond {
  const turns = Array.from({ length: asked.at(-1)?.turn ?? 0 }, (_, at) => asked.filter(({ turn }) => turn === at + 1));
  const shopkeeper = turns
    .map((calls) => calls.map((one) => ({ name: 'cashier', args: { task: taskOf(one), till: url } })))
    .reduce((said, calls) => said.calls(calls), script())
    .answer('done');
  return ({ messages, toolNames }) => {
    if (toolNames.includes('cashier')) return shopkeeper;
    const [tool = '', item = ''] = taskIn(messages).split(' ');
    return script().call(tool, { item }).answer(`${item} is done`);
  };
}

const taskIn = (messages: readonly { role: string; text: string }[]): string =>
  cashierInput.parse(JSON.parse(messages.find(({ role }) => role === 'user')?.text ?? '')).task;

interface Seen {
  till: Till;
  model: ModelServer;
  store: ContentStore;
}

async function reached(process: CliProcess, seen: Seen, { call, moment, afterMs }: SubAgentKill): Promise<boolean> {
  // Before that there is no server to be killed.
  if (!(await process.saying(/^run +\S+/m))) return false;
  const holds = {
    acts: () => isDone(seen.till, call),
    waits: () => isAsked(seen.model, call),
    begins: async () => (await runsOf(seen.store, call)).length > 0,
    takes: async () => (await runsOf(seen.store, call)).some(({ ended }) => ended),
  }[moment];
  if (!(await untilHolds(process, holds))) return false;
  await pause(afterMs);
  return true;
}

async function stageOf({ till, model, store }: Seen, call: PlacedCall): Promise<Stage> {
  const [run] = await runsOf(store, call);
  if (!run?.parent) return 'not begun';
  const { firstRunId, turn, index } = run.parent;
  if (await store.readRef(callRecordName({ run: firstRunId, fork: 0, turn, index }))) return 'taken';
  if (run.ended) return 'ended';
  if (isDone(till, call)) return 'acted';
  return isAsked(model, call) ? 'asking' : 'begun';
}

const isAsked = (model: ModelServer, call: PlacedCall): boolean =>
  model.requests().some(({ body }) => asksFor(body, call));

const chatRequest = z.object({ messages: z.array(z.object({ role: z.string(), content: z.unknown() })) });

/** By its first message, in which the shopkeeper's names no task of one call. */
function asksFor(body: Buffer | undefined, one: Asked): boolean {
  const { data } = chatRequest.safeParse(JSON.parse(body?.toString('utf8') ?? 'null'));
  const first = data?.messages.find(({ role }) => role === 'user');
  return JSON.stringify(first?.content ?? '').includes(taskOf(one));
}

async function runRecords(store: ContentStore): Promise<RunRecord[]> {
  const refs = await allRefs(store, RUN_PREFIX);
  return refs.map(({ value }) => runRecordSchema.parse(value));
}

const isOfCall = ({ parent }: RunRecord, { turn, index }: PlacedCall): boolean =>
  parent?.turn === turn && parent.index === index;
const runsOf = async (store: ContentStore, call: PlacedCall): Promise<RunRecord[]> =>
  (await runRecords(store)).filter((record) => isOfCall(record, call));

/** When no process is at work any more. */
async function readAfter(
  store: ContentStore,
  till: Till,
  asked: readonly PlacedCall[],
): Promise<Pick<SubAgentsRun, 'calls' | 'shopkeeper' | 'own' | 'open'>> {
  const records = await runRecords(store);
  const shopkeeper = records.find(({ parent }) => !parent);
  const { calls: own } = await callsOf(store, shopkeeper?.ended?.firstRunId ?? '');
  const toolCallsOf = async ({ ended }: RunRecord): Promise<ToolRecord[]> =>
    (await callsOf(store, ended?.firstRunId ?? '')).calls.flatMap(({ record }) =>
      record.kind === 'tool' ? record : [],
    );
  const calls = asked.map(async (call): Promise<SubAgentCall> => {
    const runs = records.filter((record) => isOfCall(record, call));
    const [acted] = (await Promise.all(runs.map(toolCallsOf))).flat();
    const mine = own.find(({ turn, index }) => turn === call.turn && index === call.index)?.record;
    const failure = mine?.kind === 'tool' ? mine.result.failure : 'no record';
    return { call, told: toldCall(till, call, acted), runs, ...(failure === undefined ? {} : { failure }) };
  });
  return {
    calls: await Promise.all(calls),
    shopkeeper,
    own: totalsOf(own),
    open: (await allRefs(store, OPEN_PREFIX)).map(({ name }) => name.slice(OPEN_PREFIX.length)),
  };
}
