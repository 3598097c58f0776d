// Many runs at once, whose model takes two seconds an answer, on a few worker processes: how many answers a second come, beside a bare loop of
// Temporal's that does nothing but wait as long, and beside what there would be if nothing but the model took time.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { openStore } from '../../activities/store/open-store';
import { createAgentClient } from '../../client/agent-client';
import { startEmbeddedTemporal } from '../../infra/temporal/start-embedded';
import { publishReleases } from '../../workers/publish-releases';
import { SEARCH_ATTRIBUTES } from '../../workflows/contract/names';
import { script, startModelServerProcess, type ModelServerProcess } from '../kit/model-server';
import type { TestTemporal } from '../stack/temporal-on-postgres';
import { temporalCli } from '../stack/test-stack';
import { startWorkerProcess, type WorkerProcess } from '../stack/worker-process';
import { walkerRelease, type walker } from './many-runs-agent';
import { cpuBetween, cpuSeconds, type CpuSeconds } from './cpu-seconds';
import type { ManyRunsWorkerOptions } from './many-runs-worker';

export interface ManyRunsOptions {
  runs: number;
  /** Answers of a run that ask for a tool; one more ends it. */
  turns: number;
  modelMs: number;
  workers: number;
  /** @default the embedded one */
  startServer?: () => Promise<TestTemporal>;
  /** Of an empty one. @default LMDB, in a folder of its own */
  storeUrl?: () => string;
}

export interface ManyRunsFigures {
  /** Answers a second, in the middle half of them. */
  perSecond: number;
  /** From the first start until each run has asked, in seconds. */
  rampSeconds: number;
  seconds: number;
  completed: number;
  /** Of the worker processes, over what they had before, divided among the runs; bytes. */
  bytesPerRun: number;
  /** From the first start until all had ended. */
  cpu: CpuSeconds;
  /** Changes of state of one run, each a write of Temporal's, for each of its answers. */
  transitions: number;
}

export const MANY_RUNS_LONG: ManyRunsOptions = { runs: 300, turns: 9, modelMs: 2_000, workers: 2 };
export const MANY_RUNS_SHORT: ManyRunsOptions = { runs: 8, turns: 2, modelMs: 200, workers: 2 };
/** As much as there is to be had: the model answers at once. */
export const THROUGHPUT_LONG: Omit<ManyRunsOptions, 'workers'> = { runs: 80, turns: 9, modelMs: 0 };
export const THROUGHPUT_SHORT: Omit<ManyRunsOptions, 'workers'> = { runs: 8, turns: 2, modelMs: 0 };

/** If nothing but the model took time. */
export const idealPerSecond = ({ runs, modelMs }: ManyRunsOptions): number => (runs * 1_000) / modelMs;

/** Spread so that no worker is short of them. */
const SLOTS_SPARE = 1.5;
const STARTS_AT_ONCE = 20;

/** `bare`: a loop whose calls wait; `bare-asks`: one whose calls ask the same model, as every agent's do. */
export type ManyRunsKind = 'bare' | 'bare-asks' | 'longhaul';

export async function manyRuns(options: ManyRunsOptions, kind: ManyRunsKind): Promise<ManyRunsFigures> {
  const stateDir = mkdtempSync(path.join(tmpdir(), 'longhaul-many-runs-'));
  const server = await (options.startServer?.() ??
    startEmbeddedTemporal({ stateDir, cliPath: await temporalCli(), searchAttributes: SEARCH_ATTRIBUTES }));
  const connection = await Connection.connect({ address: server.address });
  const temporal = new Client({ connection, namespace: server.namespace });
  try {
    if (kind === 'longhaul') return await ourRuns(options, server, temporal, stateDir);
    if (kind === 'bare') return await bareRuns(options, server, temporal);
    const model = await startModel(options);
    try {
      return await bareRuns(options, server, temporal, model.url);
    } finally {
      await model.close();
    }
  } finally {
    await connection.close();
    await server.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

const startWorkers = (
  { workers, runs, modelMs }: ManyRunsOptions,
  { address, namespace }: TestTemporal,
  own: Pick<ManyRunsWorkerOptions, 'longhaul' | 'bareAsks'>,
): Promise<WorkerProcess[]> =>
  Promise.all(
    Array.from({ length: workers }, () =>
      startWorkerProcess<ManyRunsWorkerOptions>(path.join(__dirname, 'many-runs-worker.ts'), {
        ...{ address, namespace, modelMs, ...own },
        calls: Math.ceil((runs / workers) * SLOTS_SPARE),
      }),
    ),
  );

function startModel({ turns, modelMs }: ManyRunsOptions): Promise<ModelServerProcess> {
  const pages = Array.from({ length: turns }, (_, number) => ({
    calls: [{ name: 'look', args: { number } }],
    text: `Page ${number} is next.`,
  }));
  return startModelServerProcess({
    script: script(pages).answer('All is read.'),
    ...(modelMs > 0 ? { faults: [{ do: { delayMs: modelMs } }] } : {}),
  });
}

async function ourRuns(
  options: ManyRunsOptions,
  server: TestTemporal,
  temporal: Client,
  stateDir: string,
): Promise<ManyRunsFigures> {
  const { runs, turns, modelMs } = options;
  // The server may be one that had others before.
  const tag = randomUUID();
  const model = await startModel(options);
  const storeUrl = options.storeUrl?.() ?? `lmdb:${path.join(stateDir, 'store')}`;
  const store = openStore(storeUrl);
  await publishReleases(store, [walkerRelease()]);
  const client = createAgentClient({ temporal, store, taskQueue: 'agents', tenant: 'bench', user: 'bench' });
  const workers = await startWorkers(options, server, { longhaul: { stateDir, storeUrl, modelUrl: model.url } });
  try {
    return await measured(options, workers, {
      run: async (nth) => {
        const run = await client.agent<typeof walker>('walker').start('go', { id: `run-${tag}-${nth}` });
        return { end: async () => (await run.result()).outcome === 'completed' };
      },
      transitions: () => transitionsOf(temporal, `run-${tag}-0`),
      answeredAt: async () => (await model.requests()).map(({ arrivedAt }) => arrivedAt + modelMs),
      answers: runs * (turns + 1),
    });
  } finally {
    await Promise.all(workers.map((worker) => worker.end('SIGTERM')));
    await store.close();
    await model.close();
  }
}

async function bareRuns(
  options: ManyRunsOptions,
  server: TestTemporal,
  temporal: Client,
  bareAsks?: string,
): Promise<ManyRunsFigures> {
  const { runs, turns } = options;
  const tag = randomUUID();
  const workers = await startWorkers(options, server, bareAsks === undefined ? {} : { bareAsks });
  const handles: string[] = [];
  try {
    return await measured(options, workers, {
      run: async (nth) => {
        const workflowId = `bare-${tag}-${nth}`;
        handles.push(workflowId);
        const handle = await temporal.workflow.start('bareTurns', { workflowId, taskQueue: 'bare', args: [turns] });
        return {
          end: () =>
            handle.result().then(
              () => true,
              () => false,
            ),
        };
      },
      transitions: () => transitionsOf(temporal, `bare-${tag}-0`),
      answeredAt: async () => (await Promise.all(handles.map((id) => endsOfAsks(temporal, id)))).flat(),
      answers: runs * (turns + 1),
    });
  } finally {
    await Promise.all(workers.map((worker) => worker.end('SIGTERM')));
  }
}

/** By the history: when each `ask` of a bare loop was begun, and had answered. */
async function endsOfAsks(temporal: Client, workflowId: string): Promise<number[]> {
  const { events = [] } = await temporal.workflow.getHandle(workflowId).fetchHistory();
  const asked = new Set(
    (events ?? []).flatMap(({ eventId, activityTaskScheduledEventAttributes: scheduled }) =>
      scheduled?.activityType?.name === 'ask' ? [String(eventId)] : [],
    ),
  );
  return (events ?? []).flatMap(({ eventTime, activityTaskCompletedEventAttributes: done }) =>
    done && asked.has(String(done.scheduledEventId))
      ? [Number(eventTime?.seconds ?? 0) * 1_000 + (eventTime?.nanos ?? 0) / 1e6]
      : [],
  );
}

async function transitionsOf(temporal: Client, workflowId: string): Promise<number> {
  const { raw } = await temporal.workflow.getHandle(workflowId).describe();
  return Number(raw.workflowExecutionInfo?.stateTransitionCount ?? NaN);
}

interface ToMeasure {
  run(nth: number): Promise<{ end(): Promise<boolean> }>;
  /** When each answer came, once all have. */
  answeredAt(): Promise<number[]>;
  /** Of one of them. */
  transitions(): Promise<number>;
  answers: number;
}

async function measured(
  { runs, modelMs }: ManyRunsOptions,
  workers: readonly WorkerProcess[],
  { run, answeredAt, transitions, answers }: ToMeasure,
): Promise<ManyRunsFigures> {
  const memory = (): number => workers.reduce((sum, { pid }) => sum + residentBytes(pid), 0);
  const before = memory();
  const used = cpuSeconds();
  const from = Date.now();
  const started: { end(): Promise<boolean> }[] = [];
  for (let nth = 0; nth < runs; nth += STARTS_AT_ONCE)
    started.push(
      ...(await Promise.all(Array.from({ length: Math.min(STARTS_AT_ONCE, runs - nth) }, (_, at) => run(nth + at)))),
    );
  // All of them wait for the model, most of the time.
  await pause(modelMs);
  const held = memory() - before;
  const ends = await Promise.all(started.map((one) => one.end()));
  const seconds = (Date.now() - from) / 1_000;
  const cpu = cpuBetween(used, cpuSeconds());
  const at = (await answeredAt()).sort((a, b) => a - b);
  if (at.length !== answers) throw new Error(`${answers} answers were expected, and ${at.length} came.`);
  const quarter = Math.floor(answers / 4);
  const [first = NaN, last = NaN] = [at[quarter], at[3 * quarter]];
  return {
    perSecond: (2 * quarter * 1_000) / (last - first),
    rampSeconds: ((at[runs - 1] ?? NaN) - modelMs - from) / 1_000,
    seconds,
    completed: ends.filter(Boolean).length,
    bytesPerRun: held / runs,
    cpu,
    transitions: ((await transitions()) * runs) / answers,
  };
}

/** Linux alone. */
function residentBytes(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1] ?? NaN) * 1_024;
}
