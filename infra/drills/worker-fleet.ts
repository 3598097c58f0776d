// Worker processes that are killed at random moments, each followed by another, while Temporal and the store live on.
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { builtCli, drillEnv, TOP } from './checkout';
import { seeded } from './seeded';

export interface FleetOptions {
  workers: number;
  /** One of the workers is killed, and another started, in the middle of such a time. @default none is killed */
  killEveryMs?: number;
  seed: number;
  stateDir: string;
  /** Of Temporal. */
  address: string;
  taskQueue: string;
  /** Folder of the agents. */
  agents: string;
  /** Beside where server and store are. */
  env: Readonly<Record<string, string>>;
}

export interface Fleet {
  start(): Promise<void>;
  /** One of those that live is killed; resolves when another has taken its place. */
  killOne(): Promise<void>;
  /** Resolves when none lives any more. */
  killAll(): Promise<void>;
  /** Starts as many as are missing. */
  fill(): Promise<void>;
  kills(): number;
  stop(): Promise<void>;
}

/** On a machine that is busy one may not come up the first time. */
const STARTS = 5;

export function createFleet({ workers, killEveryMs, seed, ...about }: FleetOptions): Fleet {
  const living: ChildProcess[] = [];
  let drawn = 0;
  const random = (below: number): number => seeded(`${seed} ${(drawn += 1)}`, below);
  let kills = 0;
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;
  let starting: Promise<void> = Promise.resolve();
  const spawnOne = async (): Promise<void> => {
    const worker = startWorker(about);
    living.push(worker);
    worker.once('close', () => living.includes(worker) && living.splice(living.indexOf(worker), 1));
    await untilReady(worker);
  };
  /** As whatever looks after workers does. */
  const start = async (): Promise<void> => {
    for (let tried = 1; !isOver; tried += 1) {
      try {
        return await spawnOne();
      } catch (error) {
        if (tried === STARTS) throw error;
      }
    }
  };
  const killOne = async (): Promise<void> => {
    const [worker] = living.splice(random(living.length), 1);
    worker?.kill('SIGKILL');
    kills += 1;
    await start();
  };
  const killAll = (): Promise<void[]> =>
    Promise.all(
      [...living].map(async (worker) => {
        const gone = new Promise((resolve) => worker.once('close', resolve));
        if (worker.kill('SIGKILL')) await gone;
      }),
    );
  const kill = async (): Promise<void> => {
    await killOne();
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
    killOne,
    killAll: async () => {
      kills += living.length;
      await killAll();
    },
    fill: async () => {
      await Promise.all(Array.from({ length: workers - living.length }, start));
    },
    kills: () => kills,
    stop: async () => {
      isOver = true;
      clearTimeout(timer);
      await starting.catch(() => undefined);
      await killAll();
    },
  };
}

type Started = Pick<FleetOptions, 'stateDir' | 'address' | 'taskQueue' | 'agents' | 'env'>;

function startWorker({ stateDir, address, taskQueue, agents, env }: Started): ChildProcess {
  const args = ['--agents', agents, '--state-dir', stateDir, '--task-queue', taskQueue, 'worker'];
  return spawn(process.execPath, [builtCli(), ...args], {
    cwd: TOP,
    env: drillEnv({ TEMPORAL_ADDRESS: address, LONGHAUL_STORE: `lmdb:${join(stateDir, 'store')}`, ...env }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
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
