// One toolbox, served: a process of its own, started again when it ends, and its task queue, which is asked for calls while it lives.
// Without a process nothing polls, so that a call waits in Temporal, where it costs neither an attempt nor its time.
import { setTimeout as after } from 'node:timers/promises';
import type { ToolboxCall } from '../../activities';
import type { SourceProblem } from '../source-loader';
import type { ToolProcess } from './tool-process';
import { startedWith, type ToolboxSpec } from './toolbox-specs';

export interface ToolboxWorker {
  run(): Promise<void>;
  shutdown(): void;
  getState(): string;
}

export interface ServeToolboxOptions {
  spec: ToolboxSpec;
  start(spec: ToolboxSpec): ToolProcess;
  /** Polls the toolbox's task queue for calls, once it runs. */
  worker(call: ToolboxCall, spec: ToolboxSpec): Promise<ToolboxWorker>;
  /** What of its agents its process cannot load. */
  onProblems(problems: readonly SourceProblem[]): void;
  /** Its process has ended by itself. @param times in a row, from 1 */
  onEnd(end: { how: string; times: number; delayMs: number }): void;
}

export interface ServedToolbox {
  /** Rejects when the worker fails: Temporal has refused it. Settles when it has stopped. */
  readonly finished: Promise<void>;
  /** Resolves when its process has the agents as they are now. With other secrets or limits it is another process. */
  update(spec: ToolboxSpec): Promise<void>;
  /** Lets calls under way finish for ten seconds. */
  stop(): Promise<void>;
}

/** A process that lives so long has started well. */
const WELL_MS = 10_000;
const BACKOFF_FIRST_MS = 250;
const BACKOFF_MAX_MS = 30_000;
/** Loading takes some 300 ms; a reload that is waited for longer waits for nothing. */
const LOAD_MS = 5_000;

const backoffMs = (times: number): number => Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (times - 1));

export function serveToolbox(options: ServeToolboxOptions): ServedToolbox {
  const { onProblems, onEnd } = options;
  let { spec } = options;
  let life: Life | undefined;
  const stopped = new AbortController();
  const serve = async (): Promise<void> => {
    for (let times = 0; !stopped.signal.aborted;) {
      const startedAt = performance.now();
      const how = await live((life = beginLife(options.start(spec), stopped.signal)), spec, options);
      if (how === undefined) continue;
      times = performance.now() - startedAt > WELL_MS ? 1 : times + 1;
      const delayMs = backoffMs(times);
      onEnd({ how, times, delayMs });
      await after(delayMs, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  };
  const finished = serve();
  finished.catch(() => undefined);
  return {
    finished,
    update: async (next) => {
      const isSame = startedWith(next) === startedWith(spec);
      spec = next;
      if (!life) return;
      if (!isSame) return life.leave();
      const problems = await Promise.race([life.process.load(next), after(LOAD_MS, undefined, { ref: false })]);
      if (problems && problems.length > 0) onProblems(problems);
    },
    stop: async () => {
      stopped.abort();
      await finished.catch(() => undefined);
    },
  };
}

/** What a process serves, until it ends or is left for another. */
interface Life {
  process: ToolProcess;
  left: Promise<undefined>;
  leave(): void;
}

function beginLife(process: ToolProcess, stopped: AbortSignal): Life {
  let leave: () => void = () => undefined;
  const left = new Promise<undefined>((resolve) => (leave = () => resolve(undefined)));
  if (stopped.aborted) leave();
  else stopped.addEventListener('abort', leave, { once: true });
  void process.ended.then(() => stopped.removeEventListener('abort', leave));
  return { process, left, leave };
}

/** @returns how the process ended by itself; undefined where it was left */
async function live(
  { process, left }: Life,
  spec: ToolboxSpec,
  options: ServeToolboxOptions,
): Promise<string | undefined> {
  try {
    // A file may take for ever to load.
    const problems = await Promise.race([process.load(spec), left]);
    if (problems && problems.length > 0) options.onProblems(problems);
    if (problems) await pollFor(process, left, spec, options);
    return await Promise.race([left, process.ended]);
  } finally {
    await process.stop();
  }
}

async function pollFor(
  process: ToolProcess,
  left: Promise<undefined>,
  spec: ToolboxSpec,
  options: ServeToolboxOptions,
): Promise<void> {
  const worker = await options.worker((input, attempt) => process.call(input, attempt), spec);
  const running = worker.run();
  // Of a worker that fails by itself its `run` tells, below.
  await Promise.race([left, process.ended, running.catch(() => undefined)]);
  if (worker.getState() === 'RUNNING') worker.shutdown();
  await running;
}
