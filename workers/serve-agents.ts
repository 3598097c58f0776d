// A whole worker process from its settings: store, agents, providers, worker, and reload of what is saved.
import { join } from 'node:path';
import type { NativeConnectionOptions } from '@temporalio/worker';
import type { Logger } from 'pino';
import { createDemoProvider } from '../activities/model/demo';
import { createOpenAiProvider } from '../activities/model/openai-provider';
import type { ModelProvider } from '../activities/model/provider';
import { createProviderRegistry } from '../activities/model/provider-registry';
import type { ContentStore } from '../activities/store';
import { indexEndedRuns } from './ended-runs';
import { createAgentRegistry } from './agent-registry';
import type { Settings } from './config';
import { loadAgents, type LoadedAgents } from './load-agents';
import { mcpServersFor } from './mcp-servers';
import { publishReleases, unpublishRelease, type PublishedRelease } from './publish-releases';
import { secretsFrom } from './secrets-from';
import { startWorker, type RunningWorker } from './start-worker';
import { createLogger, createMetrics, installTelemetry, type Metrics } from './telemetry';

export interface ServeOptions {
  settings: Settings;
  store: ContentStore;
  connection: NativeConnectionOptions;
  namespace: string;
  /** Where runs may be pinned to code that this process does not have, they wait for a worker that has it. */
  strict: boolean;
  debug?: boolean;
}

export interface ServedAgents {
  readonly loaded: LoadedAgents;
  readonly published: PublishedRelease[];
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly worker: RunningWorker;
  /** Loads the agents again: new runs take what is there now, without a new workflow bundle. */
  reload(): Promise<{ loaded: LoadedAgents; published: PublishedRelease[]; removed: string[] }>;
  stop(): Promise<void>;
}

let telemetry: { metrics: Metrics; logger: Logger } | undefined;

/** The Temporal runtime is one a process, and so are its logs and metrics. */
function telemetryOf({ settings }: ServeOptions): { metrics: Metrics; logger: Logger } {
  if (telemetry) return telemetry;
  const { logLevel, coreMetricsAddress } = settings.process;
  const logger = createLogger(join(settings.stateDir, 'logs', 'worker.log'), logLevel);
  const metrics = createMetrics();
  installTelemetry({ logger, metrics, ...(coreMetricsAddress === undefined ? {} : { coreMetricsAddress }) });
  telemetry = { logger, metrics };
  return telemetry;
}

export async function serveAgents(options: ServeOptions): Promise<ServedAgents> {
  const { settings, store } = options;
  const { metrics, logger } = telemetryOf(options);
  const registry = createAgentRegistry({ strict: options.strict });
  /** What this process has published and not taken back, by agent. */
  const served = new Map<string, PublishedRelease>();
  const secretsOf = secretsFrom(settings.secret);
  const mcp = mcpServersFor(secretsOf);
  const reload: ServedAgents['reload'] = async () => {
    const loaded = await loadAgents({ dir: settings.agentsDir, settings, mcp });
    registry.replaceAll(loaded.agents);
    const published = await publishReleases(store, loaded.agents);
    for (const release of published) served.set(release.agent, release);
    return { loaded, published, removed: await withdraw(store, served, loaded) };
  };
  await indexEndedRuns(store);
  const start = async (): Promise<ServedAgents> => {
    const { loaded, published } = await reload();
    const worker = await startWorker({
      connection: options.connection,
      namespace: options.namespace,
      taskQueue: settings.taskQueue,
      store,
      stateDir: settings.stateDir,
      agents: registry,
      providers: createProviderRegistry(providersOf(options)),
      secretsOf,
      metrics,
      ...(settings.keys ? { keys: settings.keys } : {}),
      ...(settings.process.failpoint ? { failpoint: settings.process.failpoint } : {}),
      ...(options.debug ? { debug: true } : {}),
    });
    const stop = (): Promise<void> => worker.stop().finally(() => mcp.close());
    // A worker that failed is not stopped by anyone.
    worker.finished.catch(() => mcp.close());
    return { loaded, published, metrics, logger, worker, reload, stop };
  };
  try {
    return await start();
  } catch (error) {
    await mcp.close();
    throw error;
  }
}

/** Agents whose files are gone. While any file does not load, it may be theirs, and nothing is taken back. */
async function withdraw(
  store: ContentStore,
  served: Map<string, PublishedRelease>,
  { agents, problems }: LoadedAgents,
): Promise<string[]> {
  if (problems.length > 0) return [];
  const here = new Set(agents.map(({ manifest }) => manifest.agent));
  const gone = [...served.values()].filter(({ agent }) => !here.has(agent));
  for (const release of gone) {
    served.delete(release.agent);
    await unpublishRelease(store, release);
  }
  return gone.map(({ agent }) => agent);
}

function providersOf({ settings }: ServeOptions): ModelProvider[] {
  return [
    createDemoProvider({ delayMs: settings.process.demoDelayMs }),
    ...settings.providers.map(({ name, baseUrl, keyFrom, api, organization, project }) => {
      const apiKey = settings.secret(keyFrom);
      return createOpenAiProvider({
        name,
        api,
        keyFrom,
        ...(apiKey === undefined ? {} : { apiKey }),
        ...(baseUrl === undefined ? {} : { baseUrl }),
        ...(organization === undefined ? {} : { organization }),
        ...(project === undefined ? {} : { project }),
      });
    }),
  ];
}

/** Served at /metrics by whoever has a port for it. */
export const metricsText = (served: ServedAgents): Promise<string> => served.metrics.registry.metrics();
