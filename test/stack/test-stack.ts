// A whole system inside one test file: a real Temporal server, a real store, a worker in this process, and the model server over HTTP.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { openConnection } from '../../infra/temporal/open-connection';
import type { Approvers } from '../../activities/approvals/require-approval';
import type { ModelApi } from '../../activities/model/capabilities';
import { createMessagesProvider } from '../../activities/model/messages-provider';
import { createOpenAiProvider } from '../../activities/model/openai-provider';
import type { ModelProvider } from '../../activities/model/provider';
import type { Prices } from '../../activities/gateway/money/prices';
import type { QuotaSettings } from '../../activities/gateway/quota/gateway-quota';
import type { BudgetSettings } from '../../activities/gateway/quota/tenant-budgets';
import { createProviderRegistry } from '../../activities/model/provider-registry';
import type { AnyAgent } from '../../activities/define';
import type { WebhookSending } from '../../activities/deps';
import type { CallLine } from '../../activities/tracing/port';
import { dataConverterFor, type KeyRing } from '../../activities/keys';
import type { ContentStore } from '../../activities/store';
import type { WatchSettings } from '../../activities/watch/watch-settings';
import { openStore } from '../../activities/store/open-store';
import { publishQueue } from '../../activities/store/queue-settings';
import { openTextPublisher, openTextReader } from '../../activities/stream/open-streams';
import { createAgentClient, type AgentClient } from '../../client/agent-client';
import type { Logger } from 'pino';
import { findTemporalCli } from '../../infra/temporal/find-cli';
import { startEmbeddedTemporal } from '../../infra/temporal/start-embedded';
import { createAgentRegistry } from '../../workers/agent-registry';
import { publishReleases } from '../../workers/publish-releases';
import type { QueuePace } from '../../workers/keep-queues';
import type { ShadowPace } from '../../workers/keep-shadows';
import type { QueuesByName } from '../../workers/queue-settings';
import { startWorker, type RunningWorker } from '../../workers/start-worker';
import { tellServing } from '../../workers/tell-serving';
import { openTracing, type OpenTracing } from '../../workers/tracing';
import type { TracingSettings } from '../../workers/tracing-settings';
import { UNTUNED } from '../../workers/tuning';
import { createLogger, createMetrics, installTelemetry, type Metrics } from '../../workers/telemetry';
import { workerIdentity } from '../../workers/worker-identity';
import { SEARCH_ATTRIBUTES } from '../../workflows/contract/names';
import { freePort } from './free-port';
import { manifestFor } from './manifest-for';
import type { TestTemporal } from './temporal-on-postgres';

export interface TestStack {
  readonly server: TestTemporal;
  readonly temporal: Client;
  readonly client: AgentClient;
  readonly store: ContentStore;
  readonly metrics: Metrics;
  readonly stateDir: string;
  readonly logFile: string;
  /** Other agents than those of before, as a deploy would. */
  publish(agents: readonly AnyAgent[]): Promise<void>;
  /** Stops the worker and starts another, as a deploy or a crash would. */
  restartWorker(changed?: { keys: KeyRing | undefined }): Promise<void>;
  stopWorker(): Promise<void>;
  close(): Promise<void>;
}

export interface TestStackOptions {
  agents: readonly AnyAgent[];
  /** Of the model server, ending with /v1. */
  modelUrl: string;
  /** @default 'chat' */
  api?: ModelApi;
  /** Of some of the providers another. */
  apis?: { readonly [provider: string]: ModelApi };
  /** Of all agents, as `provider/model`: all of its providers are the model server, which knows them by their header `x-provider`. @default ['test/model'] */
  route?: readonly string[];
  maxCachedWorkflows?: number;
  /** Calls that the worker makes at once. @default the SDK's own */
  atOnce?: number;
  /** Of the store, the client and the first worker. @default none */
  keys?: KeyRing;
  /** @default one of LMDB in the stack's own folder */
  storeUrl?: string;
  dynamicConfig?: { readonly [key: string]: number | boolean };
  /** Published under the task queue of the stack, by name. @default none */
  queues?: QueuesByName;
  /** Of workers that look after queues. @default QUEUE_PACE */
  queuePace?: QueuePace;
  /** Of workers that look after shadows. @default SHADOW_PACE */
  shadowPace?: ShadowPace;
  /** Of the model `test/model`. @default not limited */
  quota?: QuotaSettings;
  /** @default no tenant is limited */
  budgets?: BudgetSettings;
  /** @default unsigned decisions count, and nobody is known */
  approvers?: Approvers;
  /** @default callers are told nothing */
  webhooks?: WebhookSending;
  /** @default nobody is watched */
  watch?: WatchSettings;
  /** @default unknown */
  prices?: Prices;
  /** Of all workers, closed with the stack. @default nothing is traced */
  tracing?: TracingSettings;
  /** Nothing of what workers do is counted or written down: for a benchmark of what that costs. @default false */
  unobserved?: boolean;
  /** The worker runs no release with the code of another. @default false */
  strict?: boolean;
  /** Stopped with the stack; begun when the process has its runtime, where beginning needs that. @default an embedded one */
  server?: TestTemporal | (() => Promise<TestTemporal>);
}

/** One download for all tests of this checkout. */
export const temporalCli = async (): Promise<string> =>
  (await findTemporalCli({ env: process.env, cacheDir: join(__dirname, '..', '..', '.longhaul', 'bin') })).path;

let telemetry: { metrics: Metrics; logFile: string; logger: Logger } | undefined;
function telemetryOf(stateDir: string): { metrics: Metrics; logFile: string; logger: Logger } {
  if (telemetry) return telemetry;
  const logFile = join(stateDir, 'worker.log');
  const metrics = createMetrics();
  const logger = createLogger(logFile);
  installTelemetry({ logger, metrics });
  telemetry = { metrics, logFile, logger };
  return telemetry;
}

function providerOf(name: string, { modelUrl, apis, ...ofAll }: TestStackOptions): ModelProvider {
  const api = apis?.[name] ?? ofAll.api ?? 'chat';
  const options = {
    ...{ name, apiKey: 'sk-test-key-of-the-model-server', baseUrl: modelUrl },
    headers: { 'x-provider': name },
  };
  return api === 'messages' ? createMessagesProvider(options) : createOpenAiProvider({ ...options, api });
}

const tracingOf = ({ tracing: settings }: TestStackOptions, logger: Logger): OpenTracing | undefined =>
  settings && openTracing({ settings, logger, instance: 'test', secrets: ['sk-test-key-of-the-model-server'] });

const watching = (
  { unobserved }: TestStackOptions,
  { metrics, logger, tracing }: { metrics: Metrics; logger: Logger; tracing: OpenTracing | undefined },
) => ({
  ...(unobserved
    ? { metrics: uncounted(metrics) }
    : { metrics, log: (line: CallLine) => logger.info(line, 'a call has ended') }),
  ...(tracing ? { tracing } : {}),
});

const uncounted = (metrics: Metrics): Metrics =>
  new Proxy(metrics, { get: (of, name) => (name === 'registry' ? of.registry : () => undefined) });

const publisher =
  (agents: ReturnType<typeof createAgentRegistry>, store: ContentStore, route: readonly string[]) =>
  async (published: readonly AnyAgent[]): Promise<void> => {
    const loaded = published.map((agent) => manifestFor(agent, [...route]));
    agents.replaceAll(loaded);
    await publishReleases(store, loaded);
  };

/** As a worker's process does: while one does not say that it knows shadows none begins. */
const servingOf = ({ shadowPace }: TestStackOptions, store: ContentStore) =>
  shadowPace && tellServing({ store, worker: workerIdentity(), strict: false, releases: () => ({}) });

/** Of the worker: what is said of it, and nothing else. */
const chosen = ({
  prices,
  queuePace,
  shadowPace,
  quota,
  budgets,
  webhooks,
  watch,
  atOnce,
  maxCachedWorkflows,
}: TestStackOptions) => ({
  ...(watch ? { watch } : {}),
  ...(prices ? { prices } : {}),
  ...(queuePace ? { queuePace } : {}),
  ...(shadowPace ? { shadowPace } : {}),
  ...(quota ? { quotas: { 'test/model': quota } } : {}),
  ...(budgets ? { budgets } : {}),
  ...(webhooks ? { webhooks } : {}),
  ...(atOnce === undefined ? {} : { tuning: { ...UNTUNED, slots: { calls: atOnce } } }),
  ...(maxCachedWorkflows === undefined ? {} : { maxCachedWorkflows }),
});

export async function startTestStack(options: TestStackOptions): Promise<TestStack> {
  const stateDir = mkdtempSync(join(tmpdir(), 'longhaul-test-'));
  const { metrics, logFile, logger } = telemetryOf(stateDir);
  const tracing = tracingOf(options, logger);
  const server =
    (typeof options.server === 'function' ? await options.server() : options.server) ??
    (await startEmbeddedTemporal({
      stateDir,
      cliPath: await temporalCli(),
      preferredPort: await freePort(),
      searchAttributes: SEARCH_ATTRIBUTES,
      ...(options.dynamicConfig ? { dynamicConfig: options.dynamicConfig } : {}),
    }));
  const store = openStore(options.storeUrl ?? `lmdb:${join(stateDir, 'store')}`, { keys: options.keys });
  const place = { store: options.storeUrl ?? '', stateDir, keys: options.keys };
  const texts = await openTextPublisher(place);
  const agents = createAgentRegistry({ strict: options.strict ?? false });
  const route = options.route ?? ['test/model'];
  const publish = publisher(agents, store, route);
  for (const [queue, settings] of Object.entries(options.queues ?? {}))
    await publishQueue(store, { taskQueue: 'agents', queue }, settings);
  await publish(options.agents);
  const providers = [...new Set(route.map((one) => one.slice(0, one.indexOf('/'))))].map((name) =>
    providerOf(name, options),
  );
  const start = ({ keys }: { keys?: KeyRing | undefined }): Promise<RunningWorker> =>
    startWorker({
      connection: { address: server.address },
      namespace: server.namespace,
      taskQueue: 'agents',
      store,
      stateDir,
      agents,
      providers: createProviderRegistry(providers),
      texts,
      secretsOf: ({ secrets }) => Object.fromEntries(secrets.map((name) => [name, `value-of-${name}`])),
      ...watching(options, { metrics, logger, tracing }),
      approvers: options.approvers ?? { people: {}, allowUnsigned: true },
      ...(keys ? { keys } : {}),
      ...chosen(options),
    });
  const serving = servingOf(options, store);
  let worker: RunningWorker | undefined = await start(options);
  const temporal = new Client({
    connection: await openConnection({ address: server.address }),
    namespace: server.namespace,
    dataConverter: dataConverterFor(options.keys),
  });
  const client = createAgentClient({
    ...{ temporal, store, taskQueue: 'agents', tenant: 'acme', user: 'tester' },
    texts: openTextReader(place),
  });
  const stopWorker = async (): Promise<void> => {
    await worker?.stop();
    worker = undefined;
  };
  return {
    server,
    temporal,
    client,
    store,
    metrics,
    stateDir,
    logFile,
    publish,
    stopWorker,
    restartWorker: async (changed) => {
      await stopWorker();
      worker = await start(changed ?? options);
    },
    close: async () => {
      await stopWorker();
      await Promise.all([serving?.stop(), tracing?.close()]);
      await texts.close();
      await client.close();
      await server.stop();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}
