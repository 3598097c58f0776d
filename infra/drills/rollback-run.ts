// Rollbacks under load: runs are begun all the time, workers are killed at random, and again and again a new release is taken and taken back by
// the command line. When a run was begun, and what its tools did, is seen from outside.
import { spawn } from 'node:child_process';
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
import { builtCli, drillEnv, temporalCliPath, TOP } from './checkout';
import { pause } from './killed-lives';
import { startOutsideCounter } from './outside-counter';
import { createFleet } from './worker-fleet';

export interface RollbackRunOptions {
  drills: number;
  workers: number;
  /** @default no worker is killed */
  killEveryMs?: number;
  seed: number;
  /** Between two starts of runs. */
  startEveryMs: number;
  onDrill?: (drill: RolledBackDrill, nth: number) => void;
}

/** Milliseconds from when the command was typed; below zero is before. */
export interface RolledBackDrill {
  /** Until the change stood in the store. */
  changedMs: number;
  /** Until the last run of the release that was taken back had been begun. */
  lastRunMs: number;
  /** Until the last thing that a tool of such a run did; null where none did anything. */
  lastEffectMs: number | null;
  /** Until the command had ended. */
  endedMs: number;
  /** Runs of that release that were open then, and had been begun before. */
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
const STEPS = 40;
/** Of load, before the command and after it. */
const BEFORE_MS = 1_500;
const AFTER_MS = 1_000;

interface Begun {
  id: string;
  release: string;
  at: number;
}

export async function rollbackRun(options: RollbackRunOptions): Promise<RollbackRun> {
  const { workers, killEveryMs, seed } = options;
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
  const about = { stateDir, agents, address: server.address, env };
  const fleet = createFleet({
    ...{ ...about, workers, seed, taskQueue: TASK_QUEUE },
    ...(killEveryMs === undefined ? {} : { killEveryMs }),
  });
  const effects = new Map<string, number>();
  counter.onArrival((run) => effects.set(run, Date.now()));
  const begun: Begun[] = [];
  const world: World = { client, counterUrl: counter.url, begun, effects, problems: [], command: commandLine(about) };
  const since = Date.now();
  try {
    await release(world, agents, 0);
    await fleet.start();
    const load = startLoad(world, options.startEveryMs);
    const drills: RolledBackDrill[] = [];
    try {
      for (let nth = 1; nth <= options.drills; nth += 1) {
        const drill = await drillOnce(world, agents, nth);
        drills.push(drill);
        options.onDrill?.(drill, nth);
      }
    } finally {
      await load.stop();
    }
    return { drills, runs: begun.length, kills: fleet.kills(), problems: world.problems, ms: Date.now() - since };
  } finally {
    await fleet.stop();
    await client.close();
    await Promise.all([model.close(), counter.close(), server.stop()]);
    rmSync(stateDir, { recursive: true, force: true });
  }
}

/** A run acts, turn after turn, until it is cancelled or has done enough. */
function goOn({ assistantTurns }: ModelRequest) {
  const turn = script();
  return (assistantTurns < STEPS ? turn.call('act', { step: assistantTurns + 1 }) : turn.answer('done')).turnAt(0);
}

interface World {
  client: AgentClient;
  counterUrl: string;
  begun: Begun[];
  /** When the tools of a run did something last. */
  effects: ReadonlyMap<string, number>;
  problems: string[];
  command(args: readonly string[]): Promise<Said>;
}

interface Said {
  startedAt: number;
  endedAt: number;
  code: number | null;
  stdout: string;
  stderr: string;
}

const commandLine =
  ({
    stateDir,
    agents,
    address,
    env,
  }: {
    stateDir: string;
    agents: string;
    address: string;
    env: Record<string, string>;
  }) =>
  async (args: readonly string[]): Promise<Said> => {
    const startedAt = Date.now();
    const all = ['--agents', agents, '--state-dir', stateDir, '--task-queue', TASK_QUEUE, '--json', ...args];
    const child = spawn(process.execPath, [builtCli(), ...all], {
      cwd: TOP,
      env: drillEnv({ TEMPORAL_ADDRESS: address, LONGHAUL_STORE: `lmdb:${join(stateDir, 'store')}`, ...env }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    return { startedAt, endedAt: Date.now(), code, stdout, stderr };
  };

const madeSchema = z.object({ release: z.string(), taken: z.boolean() });
const backSchema = z.object({
  release: z.string(),
  withdrawn: z.array(z.string()),
  at: z.number(),
  cancelled: z.object({ asked: z.array(z.string()), failed: z.array(z.unknown()) }),
});

async function release({ command }: World, agents: string, nth: number): Promise<string> {
  writeFileSync(join(agents, 'steady', 'instructions.md'), `Act until you have done enough. Version ${nth}.\n`);
  const said = await command(['release', 'steady', '--name', `v${nth}`, '--take']);
  if (said.code !== 0) throw new Error(`the release was not taken: ${said.stderr}`);
  return madeSchema.parse(JSON.parse(said.stdout)).release;
}

async function drillOnce(world: World, agents: string, nth: number): Promise<RolledBackDrill> {
  const { command, begun, client, effects, problems } = world;
  const taken = await release(world, agents, nth);
  await pause(BEFORE_MS);
  const said = await command(['rollback', 'steady', '--running', 'cancel', '--why', 'a drill']);
  if (said.code !== 0)
    throw new Error(`drill ${nth}: the rollback ended with ${said.code}: ${said.stderr}${said.stdout}`);
  const back = backSchema.parse(JSON.parse(said.stdout));
  await pause(AFTER_MS);
  const mine = begun.filter((run) => run.release === taken);
  const results = await Promise.all(mine.map(({ id }) => client.run(id).result()));
  const last = (times: readonly number[]): number => Math.max(...times) - said.startedAt;
  const acted = mine.flatMap(({ id }) => effects.get(id) ?? []);
  const drill = {
    changedMs: back.at - said.startedAt,
    lastRunMs: last(mine.map(({ at }) => at)),
    lastEffectMs: acted.length > 0 ? last(acted) : null,
    endedMs: said.endedAt - said.startedAt,
    open: back.cancelled.asked.length,
  };
  const wrong = [
    mine.length === 0 && 'no run took the release that was to be taken back',
    back.withdrawn[0] !== taken && 'another release was taken back',
    results.some(({ outcome }) => outcome === 'failed') && 'a run of it failed',
    results.every(({ outcome }) => outcome !== 'cancelled') && 'no run of it was cancelled',
    begun.every(({ at, release: of }) => at < said.endedAt || of !== back.release) &&
      'no run took what was gone back to',
    drill.lastRunMs > drill.endedMs && 'a run of it was begun after the command had ended',
  ];
  problems.push(...wrong.flatMap((problem) => (problem === false ? [] : [`drill ${nth}: ${problem}`])));
  return drill;
}

/** Callers who begin runs, whatever becomes of those. */
function startLoad({ client, counterUrl, begun, problems }: World, everyMs: number): { stop(): Promise<void> } {
  let isOver = false;
  let started = 0;
  const under = new Set<Promise<void>>();
  const startOne = async (): Promise<void> => {
    const run = await client.agent('steady').start({ task: `${started}`, counter: counterUrl });
    const at = Date.now();
    begun.push({ id: run.id, release: (await run.record()).release, at });
  };
  const work = async (): Promise<void> => {
    while (!isOver) {
      started += 1;
      const one = startOne().catch((error: unknown) => void problems.push(`a start failed: ${String(error)}`));
      under.add(one);
      void one.finally(() => under.delete(one));
      await pause(everyMs);
    }
  };
  const done = work();
  return {
    stop: async () => {
      isOver = true;
      await done;
      await Promise.all(under);
    },
  };
}
