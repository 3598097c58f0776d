// A server that ends with this process, however this process ends.
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { hasCode } from './error-reason';
import { isAlive, processStartTime, type ProcessIdentity } from './process-identity';
import type { Environment } from './run-command';

/** A server that has not ended so long after SIGTERM is killed. The dev server needs about 1 s. */
const TERMINATE_SECONDS = 10;
const POLL_MS = 50;

/**
 * Takes a number of seconds and a command, which it runs until its standard input ends, which is when the process that started it has closed
 * it or is dead, by whatever signal. Written for any POSIX shell. The server gets neither end of the pipes, and the
 * watcher closes what it does not read: an end left open somewhere would hide that the starter is gone.
 */
const SUPERVISOR = `
patience=$1
shift
exec 4<&0 </dev/null
"$@" 3>&- 4<&- &
server=$!
echo "$server" >&3
{
  while read -r line; do :; done <&4
  kill -TERM "$server"
  waited=0
  while kill -0 "$server" && [ "$waited" -lt "$patience" ]; do sleep 1; waited=$((waited + 1)); done
  kill -KILL "$server"
} 2>/dev/null 3>&- &
watcher=$!
exec 3>&- 4<&-
wait "$server"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"
`;

export interface SupervisedExit {
  /** The server's; above 128 it is 128 plus the number of a signal. `undefined` when the supervisor itself was killed. */
  code: number | undefined;
  /** Whether {@link SupervisedProcess.stop} was called before. */
  asked: boolean;
}

export interface SupervisedProcess {
  /** Of the server itself. */
  identity: ProcessIdentity;
  /** Of the process group that holds supervisor and server: `process.kill(-groupId, 'SIGKILL')` ends both at once. */
  groupId: number;
  exited: Promise<SupervisedExit>;
  /** SIGTERM, then SIGKILL after `terminateSeconds`. Resolves when the server is gone; may be called again. */
  stop(): Promise<SupervisedExit>;
}

/**
 * Starts a command in a process group of its own, so that Ctrl-C in a terminal reaches only this process, which then
 * decides the order in which things stop. `terminateSeconds` is 10 by default. `undefined` when the command ended before it could be identified.
 */
export async function startSupervised(
  command: readonly [string, ...string[]],
  options: { env: Environment; logFd: number; terminateSeconds?: number },
): Promise<SupervisedProcess | undefined> {
  const patience = String(options.terminateSeconds ?? TERMINATE_SECONDS);
  const child = spawn('/bin/sh', ['-c', SUPERVISOR, 'longhaul-supervisor', patience, ...command], {
    detached: true,
    env: { ...options.env },
    stdio: ['pipe', options.logFd, options.logFd, 'pipe'],
  });
  let asked = false;
  const started: { identity?: ProcessIdentity } = {};
  const closed = new Promise<number | undefined>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? undefined));
  });
  // Whoever killed the supervisor alone left a server behind: it is ended before its exit is reported.
  const exited = closed.then(async (code) => {
    if (started.identity) await endProcess(started.identity);
    return { code, asked };
  });
  exited.catch(() => undefined); // a spawn error also comes out of readPid, where it is awaited
  child.stdin?.on('error', () => undefined); // the supervisor went away first, which `exited` tells
  const pid = await Promise.race([readPid(child.stdio[3] as Readable), closed.then(() => undefined)]);
  const startTime = pid ? processStartTime(pid) : undefined;
  if (!pid || !startTime || !child.pid) {
    await exited;
    return undefined;
  }
  const identity = { pid, startTime };
  started.identity = identity;
  const stop = () => {
    asked = true;
    child.stdin?.end();
    return exited;
  };
  return { identity, groupId: child.pid, exited, stop };
}

function readPid(pipe: Readable): Promise<number | undefined> {
  return new Promise((resolve) => {
    let text = '';
    pipe.setEncoding('utf8');
    pipe.on('data', (chunk: string) => (text += chunk));
    pipe.on('end', () => resolve(Number.parseInt(text, 10) || undefined));
    pipe.on('error', () => resolve(undefined));
  });
}

/** Ends a process, if it still is the one meant: SIGTERM, and SIGKILL after 10 s. Resolves when it is gone. */
export async function endProcess(identity: ProcessIdentity): Promise<void> {
  const killAt = Date.now() + TERMINATE_SECONDS * 1000;
  signal(identity, 'SIGTERM');
  while (isAlive(identity)) {
    if (Date.now() > killAt) signal(identity, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function signal(identity: ProcessIdentity, name: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, name);
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}
