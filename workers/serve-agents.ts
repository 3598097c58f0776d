// A whole worker process from its settings: store, agents, providers, worker, and reload of what is saved.
import { join } from 'node:path';
import type { NativeConnectionOptions } from '@temporalio/worker';
import type { Logger } from 'pino';
import { createDemoProvider } from '../activities/model/demo';
import { createMessagesProvider } from '../activities/model/messages-provider';
import { createOpenAiProvider } from '../activities/model/openai-provider';
import type { ModelProvider } from '../activities/model/provider';
import { createProviderRegistry } from '../activities/model/provider-registry';
import type { AgentRegistry } from '../activities';
import type { TextPublisher } from '../activities/stream/port';
import type { ContentStore } from '../activities/store';
import { indexRuns } from '../activities/store/run-index';
import { publishQueue } from '../activities/store/queue-settings';
import type { DeployedBuild } from '../infra/temporal/task-queue-pollers';
import { createAgentRegistry } from './agent-registry';
import type { WorkerRole } from './create-worker';
import type { Settings } from './config';
import type { LoadedAgents } from './load-agents';
import { loadAgentsOnce } from './mcp-servers';
import { orchestrationHash } from './orchestration-code';
import { unknownApprovers } from './people-settings';
import { publishReleases, unpublishRelease, type PublishedRelease } from './publish-releases';
import { secretsFrom } from './secrets-from';
import { withShownTexts } from './shown-texts';
import { startWorker, type RunningWorker } from './start-worker';
import { leftToolboxes } from './toolbox/left-toolboxes';
import { serveToolboxes, type ServedToolboxes } from './toolbox/serve-toolboxes';
import { tellServing, type ServingTeller } from './tell-serving';
import { createLogger, createMetrics, installTelemetry, type Metrics } from './telemetry';
import { toolboxSpecs } from './toolbox/toolbox-specs';
import { watchSettings } from './watch-settings';
import { createWebhook, webhookProblems, webhookSending } from './webhook';
import { watchingOf, type Watching } from './watching';
import type { OpenTracing } from './tracing';
import { workerIdentity } from './worker-identity';

export interface ServeOptions {
  settings: Settings;
  store: ContentStore;
  connection: NativeConnectionOptions;
  namespace: string;
  /** Where runs may be pinned to code that this process does not have, they wait for a worker that has it. */
  strict: boolean;
  debug?: boolean;
  /** Toolboxes whose processes are started here, by name. @default all that a loaded agent uses */
  toolboxes?: readonly string[];
  /** Other workers may have the secrets that this one has not. @default false */
  beside?: boolean;
  /** What this process does for runs. @default 'both' */
  role?: WorkerRole;
  /** Each save of an agent whose new runs take what people say is kept as a release without a name. @default false */
  keepsSaves?: boolean;
  /** Of the production deployment that this process belongs to. @default none: any worker may go on with any run */
  build?: DeployedBuild;
  /** Serves these toolboxes, and no runs: releases are published by those that do. @default false */
  toolboxesOnly?: boolean;
  /** A line for people, about what keeps a toolbox from being served. */
  note?(line: string): void;
}

export interface ServedAgents {
  readonly loaded: LoadedAgents;
  readonly published: PublishedRelease[];
  readonly metrics: Metrics;
  /** Where Temporal's Core serves its own, as `host:port`. */
  readonly coreMetricsAddress?: string;
  readonly logger: Logger;
  /** Of the runs and the toolboxes: whichever of them fails. */
  readonly worker: RunningWorker;
  /** Loads the agents again: new runs take what is there now, without a new workflow bundle. */
  reload(): Promise<{ loaded: LoadedAgents; published: PublishedRelease[]; removed: string[] }>;
  stop(): Promise<void>;
}

interface Telemetry {
  metrics: Metrics;
  logger: Logger;
  coreMetricsAddress?: string;
}

let telemetry: Telemetry | undefined;

/** The Temporal runtime is one a process, and so are its logs and metrics. */
function telemetryOf({ settings }: ServeOptions): Telemetry {
  if (telemetry) return telemetry;
  const { logLevel, coreMetricsAddress } = settings.process;
  const logger = createLogger(join(settings.stateDir, 'logs', 'worker.log'), logLevel);
  const metrics = createMetrics();
  installTelemetry({ logger, metrics, ...(coreMetricsAddress === undefined ? {} : { coreMetricsAddress }) });
  telemetry = { logger, metrics, ...(coreMetricsAddress === undefined ? {} : { coreMetricsAddress }) };
  return telemetry;
}

export async function serveAgents(options: ServeOptions): Promise<ServedAgents> {
  const { settings, store } = options;
  const told = telemetryOf(options);
  const { metrics, logger } = told;
  const watching = watchingOf(options, logger);
  const registry = createAgentRegistry({ strict: options.strict });
  const note = options.note ?? ((line: string) => logger.warn(line));
  const toolboxes = serveToolboxes({
    settings,
    store,
    metrics,
    logger,
    watching,
    connection: options.connection,
    namespace: options.namespace,
    strict: options.strict,
    ...(options.toolboxes ? { only: options.toolboxes } : {}),
    ...(options.beside ? { beside: true } : {}),
    note,
  });
  /** Said once, however often agents are saved. */
  const strangers = new Set<string>();
  const noteStrangers = ({ agents }: LoadedAgents): void => {
    const plans = agents.map(({ manifest }) => ({ agent: manifest.agent, tools: manifest.plan.tools }));
    for (const line of unknownApprovers(plans, settings.approvers.people)) {
      if (!strangers.has(line)) note(line);
      strangers.add(line);
    }
  };
  let serving: ServingTeller | undefined;
  /** What this process has published and not taken back, by agent. */
  const served = new Map<string, PublishedRelease>();
  const reload: ServedAgents['reload'] = async () => {
    const loaded = await loadAgentsOnce(settings);
    registry.replaceAll(loaded.agents);
    if (!options.toolboxesOnly) noteStrangers(loaded);
    // Before new runs take the release: their first call must meet its code.
    await toolboxes.update(toolboxSpecs(loaded.agents));
    if (options.toolboxesOnly) return { loaded, published: [], removed: [] };
    const explicit = settings.releases === 'explicit';
    const published = await publishReleases(store, loaded.agents, {
      explicit,
      keepsSaves: options.keepsSaves ?? false,
    });
    for (const release of published) served.set(release.agent, release);
    await serving?.tell();
    // Whoever alone says what new runs take says, too, that they take nothing.
    return { loaded, published, removed: explicit ? [] : await withdraw(store, served, loaded) };
  };
  await indexRuns(store);
  if (!options.toolboxesOnly) await publishQueues(store, settings);
  try {
    const { loaded, published } = await reload();
    if (!options.beside) await toolboxes.update(await leftToolboxes(store, loaded.agents));
    const runs = options.toolboxesOnly
      ? undefined
      : await withShownTexts(options, (texts) => startRunsWorker(options, registry, { metrics, texts, watching }));
    serving = tellServing({
      store,
      worker: runs?.identity ?? workerIdentity(),
      strict: options.strict,
      // Of those alone whose calls it makes.
      releases: () => (runs && options.role !== 'orchestrate' ? registry.releases() : {}),
      toolboxes: () => toolboxes.names(),
      ...(options.build ? { build: { ...options.build, code: await orchestrationHash() } } : {}),
    });
    const worker = together({ runs, serving }, toolboxes, watching.tracing);
    return { loaded, published, ...told, worker, reload, stop: () => worker.stop() };
  } catch (error) {
    await toolboxes.stop();
    await watching.tracing?.close();
    throw error;
  }
}

const startRunsWorker = (
  options: ServeOptions,
  registry: AgentRegistry,
  { metrics, texts, watching }: { metrics: Metrics; texts: TextPublisher | undefined; watching: Watching },
): Promise<RunningWorker> => {
  const { settings, store } = options;
  const tellPeople = webhookOf(options);
  const webhooks = webhookSending(settings.api.webhooks, settings.secret);
  for (const problem of webhookProblems(settings.api.webhooks, webhooks))
    options.note?.(`problem  ${problem} Callers who asked to be told wait.`);
  const watch = settings.watch && watchSettings(settings.watch, settings.secret);
  if (watch?.problem !== undefined) options.note?.(`problem  ${watch.problem}`);
  return startWorker({
    ...(watch ? { watch: watch.settings } : {}),
    connection: options.connection,
    namespace: options.namespace,
    taskQueue: settings.taskQueue,
    store,
    stateDir: settings.stateDir,
    agents: registry,
    providers: createProviderRegistry(providersOf(options)),
    prices: settings.prices,
    ...(texts ? { texts } : {}),
    secretsOf: secretsFrom(settings.secret),
    approvers: settings.approvers,
    quotas: settings.quotas,
    ...(settings.budgets ? { budgets: settings.budgets } : {}),
    ...(tellPeople ? { tellPeople } : {}),
    ...(webhooks ? { webhooks } : {}),
    metrics,
    ...watching,
    ...(settings.keys ? { keys: settings.keys } : {}),
    ...(settings.process.failpoint ? { failpoint: settings.process.failpoint } : {}),
    ...(options.debug ? { debug: true } : {}),
    ...(options.role ? { role: options.role } : {}),
    ...(options.build ? { build: options.build } : {}),
    tuning: settings.tuning,
  });
};

/** Before any release that names one. */
async function publishQueues(store: ContentStore, { queues, taskQueue }: Settings): Promise<void> {
  for (const [queue, published] of Object.entries(queues)) await publishQueue(store, { taskQueue, queue }, published);
}

function webhookOf({ settings, note }: ServeOptions): ReturnType<typeof createWebhook> | undefined {
  const { webhook, secret } = settings;
  if (!webhook) return undefined;
  const key = secret(webhook.secretEnv);
  if (key !== undefined) return createWebhook(webhook.url, key);
  note?.(`problem  ${webhook.secretEnv}, the secret of the webhook, is not set: nobody is told of what runs ask`);
  return undefined;
}

/** Both stop at once: a run hands its next tool call to whichever process goes on with it. */
function together(
  { runs, serving }: { runs: RunningWorker | undefined; serving: ServingTeller | undefined },
  toolboxes: ServedToolboxes,
  tracing: OpenTracing | undefined,
): RunningWorker {
  const stopped = Promise.all([runs?.finished, toolboxes.finished]).then(() => undefined);
  stopped.catch(() => undefined);
  return {
    identity: runs?.identity ?? workerIdentity(),
    finished: stopped,
    load: () => runs?.load(),
    stop: async () => {
      // Of one that failed `stopped` tells.
      await Promise.allSettled([runs?.stop(), toolboxes.stop(), serving?.stop()]);
      // Calls have ended: what they were is still to be sent.
      await tracing?.close();
      await stopped;
    },
  };
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
  const removed: string[] = [];
  for (const release of gone) {
    served.delete(release.agent);
    // Where another worker serves the agent, or people say what its new runs take, they are not refused.
    if (await unpublishRelease(store, release)) removed.push(release.agent);
  }
  return removed;
}

function providersOf({ settings }: ServeOptions): ModelProvider[] {
  return [
    createDemoProvider({ delayMs: settings.process.demoDelayMs }),
    ...settings.providers.map(({ name, baseUrl, keyFrom, api, organization, project }) => {
      const apiKey = settings.secret(keyFrom);
      const options = {
        name,
        keyFrom,
        ...(apiKey === undefined ? {} : { apiKey }),
        ...(baseUrl === undefined ? {} : { baseUrl }),
      };
      if (api === 'messages') return createMessagesProvider(options);
      return createOpenAiProvider({
        ...options,
        api,
        ...(organization === undefined ? {} : { organization }),
        ...(project === undefined ? {} : { project }),
      });
    }),
  ];
}
