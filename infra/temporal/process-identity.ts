// Which process a file speaks of: a pid alone may by now belong to another.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A process, told apart from a later one that got the same pid. */
export interface ProcessIdentity {
  pid: number;
  /** Opaque, to be compared for equality only. */
  startTime: string;
}

export function ownIdentity(): ProcessIdentity {
  const startTime = processStartTime(process.pid);
  if (!startTime) throw new Error('this process cannot tell its own start time: neither /proc nor `ps` works here');
  return { pid: process.pid, startTime };
}

/** Whether the very process still runs. A zombie does not: it holds nothing any more, though its pid is still taken. */
export function isAlive(identity: ProcessIdentity): boolean {
  return processStartTime(identity.pid) === identity.startTime;
}

/** An identity that was read from a file, `undefined` if it is none. */
export function parseIdentity(value: unknown): ProcessIdentity | undefined {
  if (typeof value !== 'object' || value === null || !('pid' in value) || !('startTime' in value)) return undefined;
  const { pid, startTime } = value;
  return typeof pid === 'number' && typeof startTime === 'string' ? { pid, startTime } : undefined;
}

/**
 * When a running process started, `undefined` if there is none. On Linux the boot id and the clock ticks since boot,
 * elsewhere what `ps` says, to the second. Processes in another container's pid namespace count as not running.
 */
export function processStartTime(pid: number): string | undefined {
  return process.platform === 'linux' ? startTimeFromProc(pid) : startTimeFromPs(pid);
}

/** Whether the process was started since this machine was. Where `ps` tells start times, they do not say so, and it counts as one. */
export function isOfThisBoot({ startTime }: ProcessIdentity): boolean {
  if (process.platform !== 'linux') return true;
  return startTime.split(' ')[0] === ownIdentity().startTime.split(' ')[0];
}

let bootId: string | undefined;

function startTimeFromProc(pid: number): string | undefined {
  let line: string;
  try {
    line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return undefined;
  }
  // The second field is the name in brackets, which may itself hold spaces and brackets: count from the last one.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const [state, startTicks] = [fields[0], fields[19]];
  if (state === 'Z' || state === 'X' || !startTicks) return undefined;
  return `${bootId} ${startTicks}`;
}

function startTimeFromPs(pid: number): string | undefined {
  try {
    const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
    const args = ['-o', 'stat=,lstart=', '-p', String(pid)];
    const line = execFileSync('ps', args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    const [state = '', ...start] = line.split(/\s+/);
    return state === '' || state.startsWith('Z') ? undefined : start.join(' ');
  } catch {
    return undefined; // ps ends with 1 when there is no such process
  }
}
