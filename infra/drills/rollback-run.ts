// Rollbacks under load: runs are begun all the time, workers are killed, and again and again a new release is taken and taken back by the command
// line. When a run was begun, and what its tools did, is seen from outside.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { z } from 'zod';
import { openConnection } from '../temporal/open-connection';
import { openStore } from '../../activities/store/open-store';
import { createAgentClient, type AgentClient } from '../../client/agent-client';
import { script, startModelServer, type ModelRequest } from '../../test/kit';
import { SEARCH_ATTRIBUTES } from '../../workflows/contract/names';
import { startEmbeddedTemporal } from '../temporal/start-embedded';
import { temporalCliPath, TOP } from './checkout';
import { pause } from './killed-lives';
import { startOutsideCounter } from './outside-counter';
import { rollbackCommands, type Commands } from './rollback-commands';
import { startLoad, type Begun, type Load } from './rollback-load';
import { seeded } from './seeded';
import { createFleet, type Fleet } from './worker-fleet';

export interface RollbackRunOptions {
  drills: number;
  workers: number;
  seed: number;
  /** Between two starts of runs. */
  startEveryMs: number;
  onDrill?: (drill: RolledBackDrill, nth: number) => void;
}

/** What becomes of the runs under way, and whether the workers are killed while the command runs, or all of them before it. */
export interface DrillCase {
  running: 'finish' | 'move' | 'cancel';
  workers: 'killed' | 'none';
}

/** In their order, again and again. Without a worker no run can say that it will move. */
const CASES: readonly DrillCase[] = [
  { running: 'cancel', workers: 'killed' },
  { running: 'move', workers: 'killed' },
  { running: 'finish', workers: 'none' },
  { running: 'cancel', workers: 'none' },
  { running: 'finish', workers: 'killed' },
];

/** Milliseconds from when the command was typed; below zero is before. */
export interface RolledBackDrill extends DrillCase {
  /** Until the change stood in the store. */
  changedMs: number;
  /** Until the last run of the release that was taken back had been begun. */
  lastRunMs: number;
  /** Until the last thing that a tool did because that release asked for it; null where none did anything. */
  lastEffectMs: number | null;
  /** Until the command had ended. */
  endedMs: number;
  /** Runs of that release that were ended or moved; those that went on where neither was asked for. */
  open: number;
}

export interface RollbackRun {
  drills: RolledBackDrill[];
  runs: number;
  kills: number;
  problems: string[];
  ms: number;
}

const TASK_QUEUE = 'steady';
const STEPS = 6;
/** That the model takes to answer. */
const MODEL_MS = 200;
/** Of load, before the command and after it. */
const BEFORE_MS = 1_500;
const AFTER_MS = 1_000;
/** A start that had read what stood before is through by then. */
const NO_MORE_MS = 2_000;
/** Within which, from the command on, a worker is killed. */
const KILLED_WITHIN_MS = 1_200;

export async function rollbackRun(options: RollbackRunOptions): Promise<RollbackRun> {
  const { workers, seed } = options;
  const stateDir = mkdtempSync(join(tmpdir(), 'longhaul-rollback-'));
  const agents = join(stateDir, 'agents');
  cpSync(join(TOP, 'infra', 'drills', 'rollback-agents'), agents, { recursive: true });
  const counter = await startOutsideCounter();
  const model = await startModelServer({ respond: goOn });
  const server = await startEmbeddedTemporal({
    ...{ stateDir, cliPath: await temporalCliPath(), searchAttributes: SEARCH_ATTRIBUTES },
  });
  const connection = await openConnection({ address: server.address });
  const store = openStore(`lmdb:${join(stateDir, 'store')}`);
  const temporal = new Client({ connection, namespace: server.namespace });
  const client = createAgentClient({ temporal, store, taskQueue: TASK_QUEUE, tenant: 'drill' });
  const env = { OPENAI_BASE_URL: model.url, OPENAI_API_KEY: 'sk-of-the-drill', OPENAI_API: 'chat' };
  const about = { stateDir, agents, address: server.address, env, taskQueue: TASK_QUEUE };
  const fleet = createFleet({ ...about, workers, seed });
  const effects = new Map<string, number>();
  counter.onArrival((version) => effects.set(version, Date.now()));
  const world: World = {
    ...{ client, fleet, effects, seed, begun: [], problems: [] },
    command: rollbackCommands(about),
    instructions: join(agents, 'steady', 'instructions.md'),
  };
  const since = Date.now();
  try {
    await release(world, 0);
    await fleet.start();
    const drills: RolledBackDrill[] = [];
    for (let nth = 1; nth <= options.drills; nth += 1) {
      const load = startLoad({ ...world, counterUrl: counter.url }, options.startEveryMs);
      const drill = await drillOnce(world, nth, load).finally(() => load.stop());
      drills.push(drill);
      options.onDrill?.(drill, nth);
    }
    const { begun, problems } = world;
    return { drills, runs: begun.length, kills: fleet.kills(), problems, ms: Date.now() - since };
  } finally {
    await fleet.stop();
    await client.close();
    await Promise.all([model.close(), counter.close(), server.stop()]);
    rmSync(stateDir, { recursive: true, force: true });
  }
}

/** A run acts, turn after turn, until it has done enough, and each time says in the name of which release. */
async function goOn({ assistantTurns, messages }: ModelRequest) {
  await pause(MODEL_MS);
  const turn = script();
  if (assistantTurns >= STEPS) return turn.answer('done').turnAt(0);
  const [, version = 'unknown'] = /Version (\d+)/.exec(messages[0]?.text ?? '') ?? [];
  return turn.call('act', { step: assistantTurns + 1, version }).turnAt(0);
}

interface World {
  client: AgentClient;
  fleet: Fleet;
  begun: Begun[];
  /** When a tool did something last, by the version that asked for it. */
  effects: ReadonlyMap<string, number>;
  problems: string[];
  command: Commands;
  /** The file that makes a release another one. */
  instructions: string;
  seed: number;
}

const madeSchema = z.object({ release: z.string(), taken: z.boolean() });
const backSchema = z.object({
  release: z.string(),
  withdrawn: z.array(z.string()),
  at: z.number(),
  open: z.array(z.string()),
  cancelled: z.object({ asked: z.array(z.string()), failed: z.array(z.unknown()) }).nullable(),
  moved: z.object({ moved: z.array(z.string()), stayed: z.array(z.unknown()) }).nullable(),
});

async function release({ command, instructions }: World, nth: number): Promise<string> {
  writeFileSync(instructions, `Act until you have done enough. Version ${nth}.\n`);
  const said = await command(['release', 'steady', '--name', `v${nth}`, '--take']);
  if (said.code !== 0) throw new Error(`the release was not taken: ${said.stderr}`);
  return madeSchema.parse(JSON.parse(said.stdout)).release;
}

async function drillOnce(world: World, nth: number, load: Load): Promise<RolledBackDrill> {
  const { command, fleet, begun, client, effects, problems, seed } = world;
  const { running, workers } = CASES[(nth - 1) % CASES.length] ?? { running: 'finish', workers: 'killed' };
  const earlier = begun.length;
  const taken = await release(world, nth);
  await pause(BEFORE_MS);
  if (workers === 'none') await fleet.killAll();
  const rolling = command(['rollback', 'steady', '--running', running, '--why', 'a drill']);
  if (workers === 'killed') {
    await pause(seeded(`${seed} kill ${nth}`, KILLED_WITHIN_MS));
    await fleet.killOne();
  }
  const said = await rolling;
  const saidWhat = `the rollback ended with ${said.code}: ${said.stderr}${said.stdout}`;
  if (!said.stdout.startsWith('{')) throw new Error(`drill ${nth}: ${saidWhat}`);
  const back = backSchema.parse(JSON.parse(said.stdout));
  await pause(AFTER_MS);
  // No drill begins with what a machine that is too slow has left of the one before.
  await load.stop();
  await fleet.fill();
  await Promise.all(begun.slice(earlier).map(({ id }) => client.run(id).result()));
  const mine = begun.filter((run) => run.release === taken);
  const results = await Promise.all(mine.map(({ id }) => client.run(id).result()));
  const acted = effects.get(`${nth}`);
  const touched = back.cancelled?.asked ?? back.moved?.moved ?? back.open;
  const drill = {
    ...{ running, workers },
    changedMs: back.at - said.startedAt,
    lastRunMs: Math.max(...mine.map(({ at }) => at)) - said.startedAt,
    lastEffectMs: acted === undefined ? null : acted - said.startedAt,
    endedMs: said.endedAt - said.startedAt,
    open: touched.length,
  };
  const outcomes = new Set(results.map(({ outcome }) => outcome));
  const wrong = [
    said.code !== 0 && saidWhat,
    mine.length === 0 && 'no run took the release that was to be taken back',
    back.withdrawn[0] !== taken && 'another release was taken back',
    [...outcomes].some((one) => one !== 'completed' && !(one === 'cancelled' && running === 'cancel')) &&
      `runs of it ended ${[...outcomes].join(', ')}`,
    touched.length === 0 && 'no run of it was under way',
    begun.every(({ at, release: of }) => at < said.endedAt || of !== back.release) &&
      'no run took what was gone back to',
    // Of one that a busy machine answers late nobody knows when it began.
    mine.some(({ askedAt }) => askedAt > back.at + NO_MORE_MS) && 'a run of it was begun long after the change',
  ];
  problems.push(...wrong.flatMap((problem) => (problem === false ? [] : [`drill ${nth}: ${problem}`])));
  return drill;
}
