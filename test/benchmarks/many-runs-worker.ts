// A worker process of the benchmark of many runs: Longhaul's, or one of the bare loop beside it. Options: JSON in the first argument. Says `ready`
// once it polls.
import { setTimeout as pause } from 'node:timers/promises';
import { NativeConnection, Worker } from '@temporalio/worker';
import OpenAI from 'openai';
import { z } from 'zod';
import { createOpenAiProvider } from '../../activities/model/openai-provider';
import { createProviderRegistry } from '../../activities/model/provider-registry';
import { openStore } from '../../activities/store/open-store';
import { createAgentRegistry } from '../../workers/agent-registry';
import { startWorker, type RunningWorker } from '../../workers/start-worker';
import { createMetrics } from '../../workers/telemetry';
import { UNTUNED } from '../../workers/tuning';
import { walkerRelease } from './many-runs-agent';

const optionsSchema = z.object({
  address: z.string(),
  namespace: z.string(),
  /** Of Longhaul: its store and its model server. Absent for the bare loop. */
  longhaul: z.object({ stateDir: z.string(), storeUrl: z.string(), modelUrl: z.string() }).exactOptional(),
  /** Whom a bare call asks. Absent: nobody, it waits. */
  bareAsks: z.string().exactOptional(),
  /** What a bare call takes, in milliseconds. */
  modelMs: z.number(),
  /** At once. */
  calls: z.number(),
});
export type ManyRunsWorkerOptions = z.output<typeof optionsSchema>;

async function main(): Promise<void> {
  const options = optionsSchema.parse(JSON.parse(process.argv[2] ?? '{}'));
  const worker = options.longhaul ? await ours(options, options.longhaul) : await bare(options);
  const stop = (): void => void worker.stop().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  // Gone with whoever started it.
  process.stdin.resume().once('end', stop);
  process.stdout.write('ready\n');
  await worker.finished;
}

type Served = Pick<RunningWorker, 'stop' | 'finished'>;

async function ours(
  { address, namespace, calls }: ManyRunsWorkerOptions,
  { stateDir, storeUrl, modelUrl }: NonNullable<ManyRunsWorkerOptions['longhaul']>,
): Promise<Served> {
  const agents = createAgentRegistry({ strict: false });
  agents.replaceAll([walkerRelease()]);
  return await startWorker({
    ...{ connection: { address }, namespace, taskQueue: 'agents', stateDir, agents },
    store: openStore(storeUrl),
    metrics: createMetrics(),
    providers: createProviderRegistry([
      createOpenAiProvider({ name: 'test', baseUrl: modelUrl, apiKey: 'key', api: 'chat' }),
    ]),
    secretsOf: () => ({}),
    tuning: { ...UNTUNED, slots: { calls } },
  });
}

/**
 * The least that a loop of calls costs Temporal: an activity that waits as long as the model does, and one that does nothing. Where there is a
 * model to ask, the first asks it what is always the same, and drops the answer.
 */
async function bare({ address, namespace, modelMs, calls, bareAsks }: ManyRunsWorkerOptions): Promise<Served> {
  const connection = await NativeConnection.connect({ address });
  const model = bareAsks === undefined ? undefined : new OpenAI({ baseURL: bareAsks, apiKey: 'key', maxRetries: 0 });
  const ask = async (): Promise<null> => {
    if (model) await model.chat.completions.create(QUESTION);
    else await pause(modelMs);
    return null;
  };
  const worker = await Worker.create({
    ...{ connection, namespace, taskQueue: 'bare' },
    workflowsPath: require.resolve('./bare-workflows'),
    activities: { ask, bare: () => Promise.resolve(null) },
    maxConcurrentActivityTaskExecutions: calls,
    maxCachedWorkflows: 200,
    shutdownGraceTime: '1s',
  });
  const finished = worker.run().finally(() => connection.close());
  return {
    finished,
    stop: async () => {
      worker.shutdown();
      await finished;
    },
  };
}

const QUESTION = { model: 'model', messages: [{ role: 'user' as const, content: 'go' }] };

void main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
