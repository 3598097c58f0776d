// The toolboxes of the loaded agents, each with its process and its task queue.
import { NativeConnection, type NativeConnectionOptions, type Worker } from '@temporalio/worker';
import ms from 'ms';
import type { Logger } from 'pino';
import { redacted } from '../../activities/redact';
import { directToolStore, type ContentStore } from '../../activities/store';
import type { Settings } from '../config';
import { createToolboxWorker } from '../create-worker';
import { problemLine } from '../source-loader';
import type { Metrics } from '../telemetry';
import type { Watching } from '../watching';
import { workerIdentity } from '../worker-identity';
import { missingSecrets, toolboxEnvironment, toolboxProgram } from './environment';
import type { BeginToolbox } from './messages';
import { serveToolbox, type ServedToolbox, type ServeToolboxOptions, type ToolboxWorker } from './serve-toolbox';
import { startToolProcess, type ToolProcess } from './tool-process';
import type { ToolboxSpec } from './toolbox-specs';

export interface ServeToolboxesOptions {
  settings: Settings;
  store: ContentStore;
  connection: NativeConnectionOptions;
  namespace: string;
  strict: boolean;
  metrics: Metrics;
  logger: Logger;
  /** What calls are shown and written down with. */
  watching: Watching;
  /** Those to serve, by name. @default all */
  only?: readonly string[];
  /**
   * Whether other workers may serve what this one cannot: then a toolbox whose secrets are not all set here is left to them. Elsewhere, and
   * where it is named, it is served, and its calls fail with what is missing. @default false
   */
  beside?: boolean;
  /** A line for people: what keeps a toolbox from being served. */
  note(line: string): void;
}

export interface ServedToolboxes {
  /** Rejects when one of their workers fails. Settles when all have stopped. */
  readonly finished: Promise<void>;
  /** Resolves when the processes have the agents as they are now. A toolbox that is not among them any more is served on, for open runs. */
  update(toolboxes: readonly ToolboxSpec[]): Promise<void>;
  /** Of those that are served here. */
  names(): string[];
  stop(): Promise<void>;
}

/** In a row: then it is told once, and not again before it has lived. */
const KEEPS_ENDING = 3;

export function serveToolboxes(options: ServeToolboxesOptions): ServedToolboxes {
  const served = new Map<string, ServedToolbox>();
  const kept = new Map<string, ToolboxSpec['rates']>();
  const isServed = createChoice(options);
  let connection: Promise<NativeConnection> | undefined;
  const connect = (): Promise<NativeConnection> => (connection ??= NativeConnection.connect(options.connection));
  let fail: (error: unknown) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => (fail = reject));
  let stop: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => (stop = resolve));
  const finished = Promise.race([failed, stopped]);
  finished.catch(() => undefined);
  return {
    finished,
    update: async (toolboxes) => {
      const specs = toolboxes.filter(isServed);
      await Promise.all(
        specs.map(async ({ rates, ...now }) => {
          // A run may still be pinned to a release in which a tool had a rate.
          const spec = { ...now, rates: { ...kept.get(now.name), ...rates } };
          kept.set(spec.name, spec.rates);
          const known = served.get(spec.name);
          if (known) return await known.update(spec);
          const toolbox = serveToolbox(toolboxOptions(options, spec, connect));
          served.set(spec.name, toolbox);
          toolbox.finished.catch(fail);
        }),
      );
    },
    names: () => [...served.keys()],
    stop: async () => {
      await Promise.all([...served.values()].map((toolbox) => toolbox.stop()));
      await (await connection?.catch(() => undefined))?.close();
      stop();
    },
  };
}

/** Says, once for each toolbox, however often agents are saved, which secrets are missing. */
function createChoice({ only, beside, settings, note }: ServeToolboxesOptions): (spec: ToolboxSpec) => boolean {
  const told = new Map<string, string>();
  return ({ name, secrets }) => {
    if (only && !only.includes(name)) return false;
    const missing = missingSecrets(secrets, settings.secret).join(', ');
    const isLeft = missing !== '' && only === undefined && beside === true;
    const what = isLeft ? 'its calls are left to a worker that has it' : 'calls of its tools fail';
    if (missing !== '' && told.get(name) !== missing) note(`toolbox ${name}: ${missing} is not set here: ${what}`);
    told.set(name, missing);
    return !isLeft;
  };
}

function toolboxOptions(
  options: ServeToolboxesOptions,
  spec: ToolboxSpec,
  connect: () => Promise<NativeConnection>,
): ServeToolboxOptions {
  const { settings, store, namespace, metrics, logger, note, watching } = options;
  const { name } = spec;
  let lastLine = '';
  return {
    spec,
    start: (now) => {
      const started = startProcess(options, now, (line, stream) => {
        if (stream === 'stderr' && line !== '') lastLine = line;
      });
      logger.info({ toolbox: name, pid: started.pid }, 'the process of a toolbox was started');
      return started;
    },
    worker: async (call, { limits, rates }) => {
      const about = {
        connection: await connect(),
        namespace,
        taskQueue: settings.taskQueue,
        toolbox: name,
        limits,
        identity: workerIdentity(),
        call,
        store,
        metrics,
        watching: { store, toolStore: directToolStore(store), now: Date.now, ...watching },
        tuning: settings.tuning,
        ...(settings.keys ? { keys: settings.keys } : {}),
      };
      const tools = Object.entries(rates).map(([tool, rate]) => ({ tool: { name: tool, rate } }));
      return asOne(await Promise.all([{}, ...tools].map((tool) => createToolboxWorker({ ...about, ...tool }))));
    },
    onProblems: (problems) => {
      for (const problem of problems)
        note(`toolbox ${name}: ${problemLine(problem, settings.project)} (in its own process, with its secrets alone)`);
    },
    onEnd: ({ how, times, delayMs }) => {
      metrics.toolboxEnded(name);
      logger.warn({ toolbox: name, how, times }, 'the process of a toolbox has ended');
      if (times < KEEPS_ENDING) note(`toolbox ${name}: its process has ended (${how}); it is started again`);
      if (times !== KEEPS_ENDING) return;
      const why = lastLine === '' ? '' : `: ${lastLine.slice(0, 300)}`;
      note(
        `toolbox ${name}: its process keeps ending (${how})${why}; calls wait until it stays, next in ${delayMs} ms`,
      );
    },
  };
}

/** One queue each, stopped together: where one of them fails, all do. */
function asOne(workers: readonly Worker[]): ToolboxWorker {
  const shutdown = (): void => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  return {
    run: async () => {
      const running = workers.map((worker) => worker.run().finally(shutdown));
      await Promise.allSettled(running);
      await Promise.all(running);
    },
    getState: () => (workers.some((worker) => worker.getState() === 'RUNNING') ? 'RUNNING' : 'STOPPED'),
    shutdown,
  };
}

function openLine({ failures, openForMs }: NonNullable<ToolboxSpec['limits']['breaker']>): string {
  const failed = failures === 1 ? '1 call in a row has failed' : `${failures} calls in a row have failed`;
  return `${failed}; nothing is called, and one tries again every ${ms(openForMs)}`;
}

function startProcess(
  { settings, store, strict, metrics, logger, note }: ServeToolboxesOptions,
  { name, secrets, limits: { breaker } }: ToolboxSpec,
  onLine: (line: string, stream: 'stdout' | 'stderr') => void,
): ToolProcess {
  const { models, providers, approvals, approvers, stateDir } = settings;
  const { failpoint } = settings.process;
  const begin: BeginToolbox = {
    kind: 'begin',
    toolbox: { name, secrets, ...(breaker ? { breaker } : {}) },
    stateDir,
    settings: { models, providers: providers.map((provider) => ({ name: provider.name })), approvals: [...approvals] },
    approvers,
    strict,
    ...(failpoint ? { failpoint } : {}),
  };
  metrics.breakerTurned(name, false);
  let isOpen = false;
  const values = secrets.flatMap((secret) => settings.secret(secret) ?? []);
  return startToolProcess({
    begin,
    store,
    program: toolboxProgram(),
    env: toolboxEnvironment(secrets, settings.secret),
    metrics,
    onBreaker: (state) => {
      metrics.breakerTurned(name, state !== 'closed');
      logger.warn({ toolbox: name, state }, 'the breaker of a toolbox has turned');
      // That the call which tries fails too is no news.
      if (isOpen === (state !== 'closed')) return;
      isOpen = !isOpen;
      note(`toolbox ${name}: ${isOpen && breaker ? openLine(breaker) : 'its calls go through again'}`);
    },
    onLine: (line, stream) => {
      const text = redacted(line, values);
      onLine(text, stream);
      logger.info({ toolbox: name, stream }, text);
    },
  });
}
