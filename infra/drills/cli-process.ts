// The command line as a person would start it, in a process group of its own, and killed as no person can: all at once.
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtCli, drillEnv, TOP } from './checkout';

export interface CliProcess {
  readonly startedAt: number;
  /** What it has said on standard error so far. */
  said(): string;
  /** Resolves with the match as soon as standard error holds one; undefined when the process ended without it. */
  saying(pattern: RegExp): Promise<RegExpExecArray | undefined>;
  readonly ended: Promise<{ code: number | undefined; stdout: string; stderr: string; endedAt: number }>;
  /** SIGKILL to its whole group and, in the same moment, to that of the Temporal server it started. */
  killAll(stateDir: string): Promise<void>;
}

export function startCli(args: readonly string[], env: Readonly<Record<string, string>>): CliProcess {
  const startedAt = Date.now();
  const child = spawn(process.execPath, [builtCli(), ...args], {
    cwd: TOP,
    env: drillEnv(env),
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const watchers = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    for (const watcher of watchers) watcher();
  });
  const ended = new Promise<Awaited<CliProcess['ended']>>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? undefined, stdout, stderr, endedAt: Date.now() }));
  });
  return {
    startedAt,
    said: () => stderr,
    saying: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(stderr);
          if (match) resolve(match);
        };
        watchers.add(look);
        look();
        ended.then(() => resolve(pattern.exec(stderr) ?? undefined), reject);
      }),
    ended,
    killAll: async (stateDir) => {
      killGroups([child.pid, serverGroup(stateDir)]);
      await ended;
    },
  };
}

/** Both are gone before any of them can notice that the other is. */
function killGroups(groups: readonly (number | undefined)[]): void {
  for (const group of groups) {
    if (group === undefined) continue;
    try {
      process.kill(-group, 'SIGKILL');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
}

/** Of the server's supervisor, which leads the group that the server is in. */
function serverGroup(stateDir: string): number | undefined {
  const file: unknown = JSON.parse(readFileSync(join(stateDir, 'temporal.pid'), 'utf8'));
  const pid = file instanceof Object && 'pid' in file ? Number(file.pid) : NaN;
  if (process.platform !== 'linux') {
    return Number(execFileSync('ps', ['-o', 'pgid=', '-p', String(pid)], { encoding: 'utf8' }).trim()) || undefined;
  }
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // After the name in brackets: state, parent, group.
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]) || undefined;
}
