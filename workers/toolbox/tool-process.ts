// One process of a toolbox, as the one that has the store and Temporal holds it: its calls, its broker, its end.
import { spawn, type ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { BreakerState } from '../../activities/circuit-breaker';
import type { ActivityMetrics, Attempt } from '../../activities/deps';
import { failure } from '../../activities/failure';
import { directToolStore, type ContentStore } from '../../activities/store';
import { limitedToolStore } from '../../activities/store/limited-tool-store';
import { callRecordName, CALL_PREFIX } from '../../activities/store/ref-names';
import type { CallToolInput } from '../../workflows/contract/activities';
import type { CallToolResult, ToolWait } from '../../workflows/contract/tool-call';
import type { SourceProblem } from '../source-loader';
import { answerToolStore } from '../store-broker';
import { fromChildSchema, type BeginToolbox, type FromChild, type ToChild } from './messages';
import type { ToolboxSpec } from './toolbox-specs';

export interface ToolProcessOptions {
  begin: BeginToolbox;
  store: ContentStore;
  /** Of toolbox-process.js. */
  program: string;
  env: { readonly [name: string]: string };
  metrics: ToolProcessMetrics;
  /** Its breaker has opened, lets one call try, or has closed. */
  onBreaker(state: BreakerState): void;
  /** A line that the process has printed. */
  onLine(line: string, stream: 'stdout' | 'stderr'): void;
}

export interface ToolProcessMetrics extends Pick<ActivityMetrics, 'toolCall' | 'stepBegun'> {
  reused(kind: 'tool'): void;
  callRefused(toolbox: string): void;
}

export interface ToolProcess {
  readonly pid: number;
  /** Resolves with how it ended, in words, by whosever doing. All calls under way are rejected by then. */
  readonly ended: Promise<string>;
  /** Loads these agents in place of those before. @returns what of them could not be loaded; undefined when the process ended */
  load(agents: Pick<ToolboxSpec, 'files' | 'servers' | 'releases'>): Promise<SourceProblem[] | undefined>;
  /** @throws ApplicationFailure of the call; `Worker.Lost` when the process ends with it under way */
  call(input: CallToolInput, attempt: Attempt): Promise<CallToolResult | ToolWait>;
  stop(): Promise<void>;
}

/** So long after it was told to stop a call, a process that has not answered is not listening: a tool holds its only thread. */
const CANCEL_MS = 10_000;
/** It has nothing under way when it is told to end. */
const END_MS = 2_000;

interface Waiting {
  /** Absent while agents are being loaded. */
  input?: CallToolInput;
  settle(message: FromChild | { kind: 'ended'; how: string }): void;
}

export function startToolProcess(options: ToolProcessOptions): ToolProcess {
  const { begin, env, program } = options;
  const waiting = new Map<number, Waiting>();
  // A group of its own: Ctrl-C in a terminal reaches its parent alone, which decides in which order things stop.
  const child = spawn(process.execPath, [program, String(process.pid), begin.toolbox.name], {
    detached: true,
    env: { ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'ipc'],
  });
  const say = (message: ToChild): void => {
    // One that cannot be told any more has ended, and `ended` says so.
    if (child.connected) child.send(message, () => undefined);
  };
  const ended = endOf(child).then((how) => {
    for (const { settle } of waiting.values()) settle({ kind: 'ended', how });
    waiting.clear();
    return how;
  });
  let hasEnded = false;
  void ended.then(() => (hasEnded = true));
  serveStore(options, child, waiting);
  for (const stream of ['stdout', 'stderr'] as const)
    if (child[stream]) createInterface({ input: child[stream] }).on('line', (line) => options.onLine(line, stream));
  child.on('message', (raw) => receive(options, waiting, raw));
  let lastId = 0;
  const ask = (message: ToChild & { id: number }, asked: Waiting): void => {
    waiting.set(message.id, asked);
    say(message);
  };
  say(begin);
  return {
    pid: child.pid ?? 0,
    ended,
    load: ({ files, servers, releases }) =>
      new Promise((resolve) => {
        if (hasEnded) return resolve(undefined);
        const settle: Waiting['settle'] = (told) => resolve(told.kind === 'loaded' ? told.problems : undefined);
        ask({ kind: 'load', id: ++lastId, files: [...files], servers, releases }, { settle });
      }),
    call: async (input, { signal, ...attempt }) => {
      if (hasEnded) throw lost(begin, 'had ended');
      const id = ++lastId;
      let timer: NodeJS.Timeout | undefined;
      const cancel = (): void => {
        say({ kind: 'cancel', id });
        timer = setTimeout(() => killGroup(child), CANCEL_MS);
      };
      const told = new Promise<Parameters<Waiting['settle']>[0]>((settle) => {
        ask({ kind: 'call', id, input, attempt }, { input, settle });
      });
      if (signal.aborted) cancel();
      else signal.addEventListener('abort', cancel, { once: true });
      try {
        return resultOf(begin, await told);
      } finally {
        signal.removeEventListener('abort', cancel);
        clearTimeout(timer);
      }
    },
    stop: async () => {
      if (child.connected) child.disconnect();
      const timer = setTimeout(() => killGroup(child), END_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}

const lost = ({ toolbox }: BeginToolbox, how: string): Error =>
  failure('Worker.Lost', `the process of toolbox ${toolbox.name} ${how} before this call did.`);

function resultOf(begin: BeginToolbox, told: Parameters<Waiting['settle']>[0]): CallToolResult | ToolWait {
  if (told.kind === 'answered') return told.answer;
  if (told.kind === 'ended') throw lost(begin, `ended (${told.how})`);
  if (told.kind !== 'failed')
    throw failure('Runtime.Unexpected', `toolbox ${begin.toolbox.name} answered something else.`);
  const { type, message, final, retryAfterMs } = told;
  throw failure(type, message, {
    ...(final ? { final } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function receive({ begin, metrics, onBreaker }: ToolProcessOptions, waiting: Map<number, Waiting>, raw: unknown): void {
  const { data: message } = fromChildSchema.safeParse(raw);
  // The channel is open to the code of tools too: what is none of ours is nobody's.
  if (!message) return;
  if (message.kind === 'called') metrics.toolCall(message);
  else if (message.kind === 'begun') metrics.stepBegun({ ...message, kind: 'tool' });
  else if (message.kind === 'reused') metrics.reused('tool');
  else if (message.kind === 'refused') metrics.callRefused(begin.toolbox.name);
  else if (message.kind === 'breaker') onBreaker(message.state);
  else {
    const asked = waiting.get(message.id);
    if (!asked || (message.kind === 'loaded') === (asked.input !== undefined)) return;
    waiting.delete(message.id);
    asked.settle(message);
  }
}

/** Over a pair of sockets that only these two processes have: no other process of this user can ask in its place. */
function serveStore({ store }: ToolProcessOptions, child: ChildProcess, waiting: Map<number, Waiting>): void {
  const socket = child.stdio[3];
  if (!(socket instanceof Socket)) return;
  const underWay = (): CallToolInput[] => [...waiting.values()].flatMap(({ input }) => input ?? []);
  const mayReach = (name: string): boolean =>
    name.startsWith(CALL_PREFIX)
      ? underWay().some(({ key }) => callRecordName(key) === name)
      : // Whatever else a call may keep is kept by the run that it belongs to.
        underWay().some(({ key }) => name.split('/')[1] === encodeURIComponent(key.run));
  answerToolStore(limitedToolStore(directToolStore(store), mayReach), socket);
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`not started: ${error.message}`));
    child.once('exit', (code, signal) => {
      // What its tools have started may outlive it otherwise.
      killGroup(child);
      resolve(signal ?? `exit code ${code}`);
    });
  });
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left in it.
  }
}
