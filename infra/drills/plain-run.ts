// Drives the plain loop through kills, as crash-run.ts drives Longhaul: killed at the same points, started again each time.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { drillEnv, TOP } from './checkout';
import type { CourierRound } from './courier-round';
import type { OutsideKill } from './kill-plan';
import type { OutsideWorld } from './outside-world';

export interface PlainLife {
  kill: OutsideKill | undefined;
  /** Milliseconds from its start to the first call that no life before had made. */
  newStepMs: number | undefined;
}

export interface PlainRun {
  lives: readonly PlainLife[];
  answer: string;
  /** Calls as the outside saw them. */
  seen: readonly string[];
  paidTwice: number;
}

export async function plainRun(options: {
  round: CourierRound;
  world: OutsideWorld;
  kills: readonly OutsideKill[];
  onLife?: (life: PlainLife) => void;
}): Promise<PlainRun> {
  const { round, world, kills, onLife } = options;
  world.reset();
  const lives: PlainLife[] = [];
  let answer = '';
  for (const kill of [...kills, undefined]) {
    const earlier = new Set(world.seen.map(({ id }) => id));
    const startedAt = Date.now();
    answer = await live(round, world, kill);
    const first = world.seen.find(({ id }) => !earlier.has(id));
    const life = { kill, newStepMs: first && first.at - startedAt };
    lives.push(life);
    onLife?.(life);
  }
  return { lives, answer, seen: world.seen.map(({ id }) => id), paidTwice: world.paidTwice() };
}

async function live(round: CourierRound, world: OutsideWorld, kill: OutsideKill | undefined): Promise<string> {
  const loop = join(TOP, 'dist', 'infra', 'drills', 'plain-loop.js');
  const child = spawn(process.execPath, [loop, world.modelUrl, world.counterUrl, round.task], {
    env: drillEnv({}),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve());
  });
  if (kill) {
    await Promise.race([world.untilSeen(kill.calls), ended]);
    await new Promise((resolve) => setTimeout(resolve, kill.jitterMs));
    child.kill('SIGKILL');
  }
  await ended;
  return stdout.trim();
}
