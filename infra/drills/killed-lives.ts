// One run of the command line over several lives of its processes: each kill ends one, and the next goes on.
import type { CliProcess } from './cli-process';

/** A start that takes longer hangs. */
const LIFE_MS = 90_000;
const LOOK_MS = 4;

export interface KilledLives<Kill> {
  stateDir: string;
  kills: readonly Kill[];
  start(life: number, kill: Kill | undefined): CliProcess;
  /** Waits for the moment of the kill; false when the process has ended without it. */
  reached(process: CliProcess, kill: Kill, life: number): Promise<boolean>;
  /** When nothing runs any more, before the next start. */
  onKilled?(kill: Kill): Promise<void>;
}

export interface LivesEnd {
  code: number | undefined;
  stderr: string;
  /** That were made. */
  kills: number;
  /** How long each life took, to its kill or its end. */
  livesMs: number[];
}

export async function killedLives<Kill>(options: KilledLives<Kill>): Promise<LivesEnd> {
  const { stateDir, kills, start, reached } = options;
  let made = 0;
  const livesMs: number[] = [];
  for (let life = 0; ; life += 1) {
    const kill = kills[life];
    const process = start(life, kill);
    const tooLate = setTimeout(() => void process.killAll(stateDir), LIFE_MS);
    if (kill !== undefined && (await reached(process, kill, life))) {
      await process.killAll(stateDir);
      made += 1;
      await options.onKilled?.(kill);
    }
    const { code, stderr, endedAt } = await process.ended;
    livesMs.push(endedAt - process.startedAt);
    clearTimeout(tooLate);
    if (code !== undefined || life > kills.length) return { code, stderr, kills: made, livesMs };
  }
}

/** Looks again and again. @returns false when the process has ended before it held */
export async function untilHolds(process: CliProcess, holds: () => boolean | Promise<boolean>): Promise<boolean> {
  const over = process.ended.then(() => true);
  for (;;) {
    if (await holds()) return true;
    if (await Promise.race([over, pause(LOOK_MS)])) return false;
  }
}

export const pause = (ms: number): Promise<false> => new Promise((resolve) => setTimeout(() => resolve(false), ms));
