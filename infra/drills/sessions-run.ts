// Recorded conversations as sessions, several at once, on worker processes that are killed at random moments. Temporal, the store and the
// model server live on; whatever a worker held is another's.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { openConnection } from '../temporal/open-connection';
import { openStore } from '../../activities/store/open-store';
import { createAgentClient, type AgentClient } from '../../client/agent-client';
import { startModelServer } from '../../test/kit';
import { SEARCH_ATTRIBUTES } from '../../workflows/contract/names';
import { startEmbeddedTemporal } from '../temporal/start-embedded';
import { respondAsRecorded, type AirlineRecording } from './airline-recording';
import { builtCli, drillEnv, temporalCliPath, TOP } from './checkout';
import { playSession } from './play-session';
import { seeded } from './seeded';

export interface SessionsRunOptions {
  /** Holds trajectories/. */
  shared: string;
  recordings: readonly AirlineRecording[];
  /** Conversations that go on at the same time. */
  atOnce: number;
  workers: number;
  /** One of the workers is killed, and another started, in the middle of such a time. @default none is killed */
  killEveryMs?: number;
  seed: number;
  onPlayed?: (line: string) => void;
}

export interface SessionsRun {
  problems: string[];
  kills: number;
  messages: number;
  ms: number;
}

const TASK_QUEUE = 'airline';
const STARTS = 5;

interface Moment {
  came: Promise<void>;
  come(): void;
}

function createMoment(): Moment {
  let come = (): void => undefined;
  const came = new Promise<void>((resolve) => (come = resolve));
  return { came, come: () => come() };
}

export async function sessionsRun(options: SessionsRunOptions): Promise<SessionsRun> {
  const { recordings } = options;
  const stateDir = mkdtempSync(join(tmpdir(), 'longhaul-sessions-'));
  const overs = new Map(recordings.map(({ index }) => [index, createMoment()]));
  const model = await startModelServer({ respond: respondAsRecorded(recordings, (at) => overs.get(at)?.come()) });
  const server = await startEmbeddedTemporal({
    ...{ stateDir, cliPath: await temporalCliPath(), searchAttributes: SEARCH_ATTRIBUTES },
  });
  const connection = await openConnection({ address: server.address });
  const store = openStore(`lmdb:${join(stateDir, 'store')}`);
  const temporal = new Client({ connection, namespace: server.namespace });
  const client = createAgentClient({ temporal, store, taskQueue: TASK_QUEUE, tenant: 'airline' });
  const fleet = createFleet(options, { stateDir, address: server.address, modelUrl: model.url });
  const begun = Date.now();
  try {
    await fleet.start();
    const problems: string[] = [];
    let messages = 0;
    const left = [...recordings];
    const play = async (): Promise<void> => {
      for (let recording = left.shift(); recording; recording = left.shift()) {
        const played = await playOne(client, recording, overs.get(recording.index)?.came, options);
        problems.push(...played.problems);
        messages += played.messages;
      }
    };
    await Promise.all(Array.from({ length: options.atOnce }, play));
    return { problems, kills: fleet.kills(), messages, ms: Date.now() - begun };
  } finally {
    await fleet.stop();
    await client.close();
    await Promise.all([model.close(), server.stop()]);
    rmSync(stateDir, { recursive: true, force: true });
  }
}

async function playOne(
  client: AgentClient,
  recording: AirlineRecording,
  over: Promise<void> | undefined,
  { onPlayed }: SessionsRunOptions,
): Promise<{ problems: string[]; messages: number }> {
  const { label, index } = recording;
  const session = `airline-${index}`;
  // What goes wrong with one is no reason to end the others in their middle.
  const played = await playSession({ client, recording, session, over: over ?? Promise.resolve(), times: 2 }).catch(
    (error: unknown) => ({ problems: [error instanceof Error ? error.message : String(error)], messages: 0 }),
  );
  onPlayed?.(`${label}: ${played.messages} messages${played.problems.length === 0 ? '' : '  WRONG'}`);
  return { ...played, problems: played.problems.map((problem) => `${label}: ${problem}`) };
}

interface Fleet {
  start(): Promise<void>;
  kills(): number;
  stop(): Promise<void>;
}

function createFleet(
  { shared, workers, killEveryMs, seed }: SessionsRunOptions,
  { stateDir, address, modelUrl }: { stateDir: string; address: string; modelUrl: string },
): Fleet {
  const living: ChildProcess[] = [];
  let drawn = 0;
  const random = (below: number): number => seeded(`${seed} ${(drawn += 1)}`, below);
  let kills = 0;
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;
  let starting: Promise<void> = Promise.resolve();
  const spawnOne = async (): Promise<void> => {
    const agents = join(TOP, 'infra', 'drills', 'airline-agents');
    const args = ['--agents', agents, '--state-dir', stateDir, '--task-queue', TASK_QUEUE, 'worker'];
    const worker = spawn(process.execPath, [builtCli(), ...args], {
      cwd: TOP,
      env: drillEnv({
        ...{ TEMPORAL_ADDRESS: address, LONGHAUL_STORE: `lmdb:${join(stateDir, 'store')}`, LONGHAUL_SHARED: shared },
        ...{ OPENAI_BASE_URL: modelUrl, OPENAI_API_KEY: 'sk-of-the-drill', OPENAI_API: 'chat' },
      }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    living.push(worker);
    worker.once('close', () => living.includes(worker) && living.splice(living.indexOf(worker), 1));
    await untilReady(worker);
  };
  /** As whatever looks after workers does: on a machine that is busy, one may not come up the first time. */
  const start = async (): Promise<void> => {
    for (let tried = 1; !isOver; tried += 1) {
      try {
        return await spawnOne();
      } catch (error) {
        if (tried === STARTS) throw error;
      }
    }
  };
  const kill = async (): Promise<void> => {
    const [worker] = living.splice(random(living.length), 1);
    worker?.kill('SIGKILL');
    kills += 1;
    await start();
    if (!isOver) next();
  };
  const next = (): void => {
    if (killEveryMs === undefined) return;
    const killNext = (): void => {
      starting = kill();
      starting.catch(() => undefined);
    };
    timer = setTimeout(killNext, killEveryMs / 2 + random(killEveryMs));
  };
  return {
    start: async () => {
      await Promise.all(Array.from({ length: workers }, start));
      next();
    },
    kills: () => kills,
    stop: async () => {
      isOver = true;
      clearTimeout(timer);
      await starting.catch(() => undefined);
      await Promise.all(
        [...living].map(async (worker) => {
          const gone = new Promise((resolve) => worker.once('close', resolve));
          if (worker.kill('SIGKILL')) await gone;
        }),
      );
    },
  };
}

/** @throws Error with its last words where it ends before it is ready */
async function untilReady(worker: ChildProcess): Promise<void> {
  let [said, complained] = ['', ''];
  worker.stderr?.setEncoding('utf8').on('data', (text: string) => (complained = `${complained}${text}`.slice(-2_000)));
  await new Promise<void>((resolve, reject) => {
    worker.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (/^worker /m.test(said)) resolve();
    });
    // One that was killed meanwhile, too.
    worker.once('close', (code, signal) =>
      signal === 'SIGKILL' ? resolve() : reject(new Error(`a worker ended with ${code}: ${complained}`)),
    );
  });
}
