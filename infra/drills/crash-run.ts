// One run of the courier through any number of kills: started, killed with everything around it, started again, to its end.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../activities/store/open-store';
import { CALL_PREFIX, RUN_PREFIX } from '../../activities/store/ref-names';
import { runRecordSchema } from '../../workflows/contract/schemas/run-record';
import { DRILL_AGENTS } from './checkout';
import { startCli, type CliProcess } from './cli-process';
import type { CourierRound } from './courier-round';
import type { Kill } from './kill-plan';
import type { OutsideWorld } from './outside-world';

/** From one start of the command line to its end. */
export interface Life {
  /** Undefined for the last one, which finished. */
  kill: Kill | undefined;
  /** Calls whose record was stored when it began. */
  stored: readonly string[];
  /** Calls that the outside saw from it. */
  seen: readonly string[];
  /** What it said of the run that it found. */
  said: { kept: number; repeated: number } | undefined;
  /** Milliseconds from its start. */
  pickedUpMs: number | undefined;
  nextStepMs: number | undefined;
  /** The first call that no life before had made. */
  newStepMs: number | undefined;
  endMs: number;
}

export interface CrashRun {
  lives: readonly Life[];
  code: number | undefined;
  answer: string;
  stderr: string;
  checkpoint: string | null | undefined;
  /** Calls stored at the end. */
  stored: readonly string[];
  /** What was ever seen in the reports folder: for each file, its contents in order. */
  reports: Map<string, string[]>;
  paidTwice: number;
  /** Model calls that were repeated with other bytes. */
  askedDifferently: readonly string[];
}

export interface CrashRunOptions {
  round: CourierRound;
  world: OutsideWorld;
  kills: readonly Kill[];
  temporalCli: string;
  /** The run's `dir`, the same for every run that is compared. */
  dir: string;
  /** Told as it happens. */
  onLife?: (life: Life) => void;
}

/** A start that takes longer hangs. */
const LIFE_MS = 90_000;
const LOOK_MS = 4;
const PICKED_UP = /picked up, (\d+) calls? kept, (\d+) calls? repeated/;

export async function crashRun(options: CrashRunOptions): Promise<CrashRun> {
  const stateDir = mkdtempSync(join(tmpdir(), 'longhaul-drill-'));
  const { world } = options;
  world.reset();
  const lives: Life[] = [];
  const reports: CrashRun['reports'] = new Map();
  try {
    for (const kill of [...options.kills, undefined]) {
      const { life, exit } = await live(options, stateDir, kill, {
        nth: lives.length,
        stored: await readStored(stateDir),
      });
      lives.push(life);
      options.onLife?.(life);
      collectReports(stateDir, reports);
      if (exit.code === undefined) continue;
      const { calls, head } = await readStored(stateDir);
      const { code, stdout, stderr } = exit;
      return {
        lives,
        code,
        answer: stdout.trim(),
        stderr,
        checkpoint: head,
        stored: calls,
        reports,
        paidTwice: world.paidTwice(),
        askedDifferently: world.askedDifferently(),
      };
    }
    throw new Error('the last start of a drill was killed: it took too long.');
  } finally {
    rmSync(stateDir, { recursive: true, force: true });
  }
}

type Exit = Awaited<CliProcess['ended']>;

async function live(
  options: CrashRunOptions,
  stateDir: string,
  kill: Kill | undefined,
  found: { nth: number; stored: Stored },
): Promise<{ life: Life; exit: Exit }> {
  const { seen } = options.world;
  const before = seen.length;
  const process = start(options, stateDir, kill, found.nth);
  const tooLate = setTimeout(() => void process.killAll(stateDir), LIFE_MS);
  const pickedUp = process.saying(PICKED_UP).then((match) => ({ match, at: Date.now() }));
  if (kill && (await reached(options, process, stateDir, kill, found.nth))) {
    await pause(kill.jitterMs);
    await process.killAll(stateDir);
  }
  const exit = await process.ended;
  clearTimeout(tooLate);
  const { match, at } = await pickedUp;
  const mine = seen.slice(before);
  const earlier = new Set(seen.slice(0, before).map(({ id }) => id));
  const since = (time: number | undefined): number | undefined => time && time - process.startedAt;
  const life: Life = {
    kill,
    stored: found.stored.calls,
    seen: mine.map(({ id }) => id),
    said: match ? { kept: Number(match[1]), repeated: Number(match[2]) } : undefined,
    pickedUpMs: match ? since(at) : undefined,
    nextStepMs: since(mine[0]?.at),
    newStepMs: since(mine.find(({ id }) => !earlier.has(id))?.at),
    endMs: exit.endedAt - process.startedAt,
  };
  return { life, exit };
}

function start(
  { round, world, temporalCli, dir }: CrashRunOptions,
  stateDir: string,
  kill: Kill | undefined,
  nth: number,
): CliProcess {
  const input = JSON.stringify({ task: round.task, dir, counter: world.counterUrl });
  const isFailpoint = kill && kill.phase !== 'outside' && kill.phase !== 'between turns';
  return startCli(['--agents', DRILL_AGENTS, '--state-dir', stateDir, 'run', 'courier', '--input', input], {
    LONGHAUL_TEMPORAL_CLI: temporalCli,
    OPENAI_BASE_URL: world.modelUrl,
    OPENAI_API: 'chat',
    OPENAI_API_KEY: 'sk-of-the-drill',
    ...(isFailpoint
      ? { LONGHAUL_FAILPOINT: `${kill.phase}:${kill.nth}`, LONGHAUL_FAILPOINT_FILE: markerOf(stateDir, nth) }
      : {}),
  });
}

const markerOf = (stateDir: string, life: number): string => join(stateDir, `failpoint-${life}`);

/** Waits for the place of the kill; false when the process ended without reaching it. */
async function reached(
  options: CrashRunOptions,
  process: CliProcess,
  stateDir: string,
  kill: Kill,
  life: number,
): Promise<boolean> {
  const over = process.ended.then(() => true);
  const until = async (holds: () => boolean | Promise<boolean>): Promise<boolean> => {
    for (;;) {
      if (await holds()) return true;
      if (await Promise.race([over, pause(LOOK_MS)])) return false;
    }
  };
  if (kill.phase === 'outside')
    return await Promise.race([options.world.untilSeen(kill.calls), over.then(() => false)]);
  if (kill.phase !== 'between turns') return await until(() => existsSync(markerOf(stateDir, life)));
  if (!(await process.saying(/^run +\S+/m))) return false;
  const store = openStore(`lmdb:${join(stateDir, 'store')}`);
  try {
    const turns = async (): Promise<number> => turnsStored(options.round, await callsIn(store));
    const wanted = (await turns()) + kill.nth;
    return await until(async () => (await turns()) >= wanted);
  } finally {
    await store.close();
  }
}

const pause = (ms: number): Promise<false> => new Promise((resolve) => setTimeout(() => resolve(false), ms));

const turnOf = (id: string): string | undefined => id.split('.')[0];

/** Turns with tools, all of whose calls are stored. */
function turnsStored({ calls }: CourierRound, stored: readonly string[]): number {
  const tools = calls.filter(({ kind }) => kind === 'tool');
  const open = new Set(tools.filter(({ id }) => !stored.includes(id)).map(({ id }) => turnOf(id)));
  return new Set(tools.map(({ id }) => turnOf(id))).size - open.size;
}

interface Stored {
  calls: string[];
  head: string | null | undefined;
}

/** Call ids and the last checkpoint; read between two lives, when nobody else has the store open. */
async function readStored(stateDir: string): Promise<Stored> {
  mkdirSync(stateDir, { recursive: true });
  const store = openStore(`lmdb:${join(stateDir, 'store')}`);
  try {
    const [run] = await store.listRefs(RUN_PREFIX);
    return { calls: await callsIn(store), head: run ? runRecordSchema.parse(run.value).ended?.head : undefined };
  } finally {
    await store.close();
  }
}

/** The folder holds one run, so every record is one of its calls; its name ends with turn and index. */
async function callsIn(store: ReturnType<typeof openStore>): Promise<string[]> {
  const refs = await store.listRefs(CALL_PREFIX);
  return refs.map(({ name }) => name.split('/').slice(-2).map(Number).join('.'));
}

function collectReports(stateDir: string, reports: CrashRun['reports']): void {
  const folder = join(stateDir, 'reports');
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.md'))) {
    const contents = reports.get(name) ?? [];
    contents.push(readFileSync(join(folder, name), 'utf8'));
    reports.set(name, contents);
  }
}
