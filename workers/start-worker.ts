// Joins the ports to a running worker, and stops it in order: no new work, work under way finished or handed back, then the store.
import { NativeConnection, type NativeConnectionOptions, type State, type Worker } from '@temporalio/worker';
import type { ActivityDeps, AgentRegistry, ProviderRegistry, Tracing } from '../activities';
import type { WebhookSending } from '../activities/deps';
import type { KeyRing } from '../activities/keys';
import { NO_APPROVERS } from '../activities/approvals/require-approval';
import { createAnswerCache, type CachePace } from '../activities/gateway/cache/answer-cache';
import { UNKNOWN_PRICES } from '../activities/gateway/money/prices';
import { NO_QUOTA } from '../activities/gateway/ports';
import type { BudgetSettings } from '../activities/gateway/quota/tenant-budgets';
import { createHealthBoard } from '../activities/gateway/routing/health-board';
import { createConversation, directToolStore, type ContentStore } from '../activities/store';
import { controlClient, controlExecutions } from './control-executions';
import type { DeployedBuild } from '../infra/temporal/task-queue-pollers';
import { createAgentWorker, createControlWorker, createWebhookWorker, type WorkerRole } from './create-worker';
import { withEndedRuns } from '../activities/store/run-index';
import type { WatchSettings } from '../activities/watch/watch-settings';
import { createFailpoints } from './failpoints';
import { startQueueKeeper, type QueuePace } from './keep-queues';
import { startShadowKeeper, type ShadowPace } from './keep-shadows';
import type { FailpointPlan } from './process-settings';
import type { AuthorityOptions } from './quota-authority';
import type { QuotasByRoute } from './quota-settings';
import type { Metrics } from './telemetry';
import { UNTUNED, type WorkerTuning } from './tuning';
import type { Keeper } from './start-keeper';
import { keepWatch, oddRuns } from './watch-schedule';
import { workerIdentity } from './worker-identity';
import { leasesOf, type Leases } from './worker-leases';

export interface StartWorkerOptions {
  connection: NativeConnectionOptions;
  namespace: string;
  taskQueue: string;
  store: ContentStore;
  stateDir: string;
  agents: AgentRegistry;
  providers: ProviderRegistry;
  /** By `provider/model`. @default nothing is limited */
  quotas?: QuotasByRoute;
  /** Of tenants, over all their runs. @default nobody is limited */
  budgets?: BudgetSettings;
  /** @default by their health, as all workers of the store see it */
  routing?: ActivityDeps['routing'];
  /** Of waiting for an answer that another call asks for. @default CACHE_PACE */
  cachePace?: CachePace;
  /** @default nobody knows what anything costs */
  prices?: ActivityDeps['prices'];
  /** @default answers are not shown while they come */
  texts?: NonNullable<ActivityDeps['texts']>;
  secretsOf: ActivityDeps['secretsOf'];
  /** @default nobody */
  approvers?: ActivityDeps['approvers'];
  tellPeople?: NonNullable<ActivityDeps['tellPeople']>;
  /** Of callers who are told of their runs. @default what they are told waits for a worker that has the secrets */
  webhooks?: WebhookSending;
  /** Compares what agents do with what they did. @default nobody does */
  watch?: WatchSettings;
  metrics: Metrics;
  /** @default nothing is traced */
  tracing?: Tracing;
  /** @default nothing is written down */
  log?: NonNullable<ActivityDeps['log']>;
  /** Tells this worker's life from another's: a recovery after a crash must know which workers are gone. */
  identity?: string;
  /** Seal what Temporal is given; the store has its own from whoever opened it. @default none */
  keys?: KeyRing;
  failpoint?: FailpointPlan;
  debug?: boolean;
  /** @default UNTUNED */
  tuning?: WorkerTuning;
  /** @see WorkerRole @default 'both' */
  role?: WorkerRole;
  /** Of the production deployment that this worker belongs to. @default none */
  build?: DeployedBuild;
  /** Of looking after queues. @default QUEUE_PACE */
  queuePace?: QueuePace;
  /** Of looking after shadows. @default SHADOW_PACE */
  shadowPace?: ShadowPace;
}

export interface RunningWorker {
  readonly identity: string;
  /** Settles when the worker has stopped; rejects when it failed. */
  readonly finished: Promise<void>;
  /** What it does at this moment. Undefined of one that serves toolboxes alone. */
  load(): WorkerLoad | undefined;
  /** Lets work under way finish for as long as the drain lasts, then cancels it; Temporal gives it to the next worker. */
  stop(): Promise<void>;
}

export interface WorkerLoad {
  state: 'running' | 'draining' | 'stopped' | 'failed';
  /** Calls, and steps of runs, under way: none is told of what its role does not take. */
  calls?: number;
  steps?: number;
  /** Runs held in memory. */
  held: number;
}

export async function startWorker(options: StartWorkerOptions): Promise<RunningWorker> {
  const identity = options.identity ?? workerIdentity();
  const connection = await NativeConnection.connect(options.connection);
  let leases: Leases | undefined;
  try {
    const { namespace, taskQueue, keys, build } = options;
    const process = { connection, namespace, taskQueue, identity, ...(keys ? { keys } : {}) };
    const versioned = build ? { build } : {};
    const { role = 'both', tuning = UNTUNED } = options;
    leases = role === 'orchestrate' ? undefined : leasesOf(options, process);
    const deps = depsOf(options, identity, leases);
    const control = role === 'calls' ? undefined : await controlOf(options, { ...process, ...versioned }, deps);
    const { webhooks } = options;
    const telling =
      role === 'calls' || !webhooks
        ? undefined
        : await createWebhookWorker({
            ...process,
            deps: { store: deps.store, webhooks, now: Date.now, webhookCame: options.metrics.webhookCame },
          });
    const worker = await createAgentWorker({
      connection,
      namespace: options.namespace,
      taskQueue: options.taskQueue,
      identity,
      deps,
      ...(options.keys ? { keys: options.keys } : {}),
      ...(options.debug ? { debug: true } : {}),
      ...{ role, tuning, ...versioned },
    });
    return running({ worker, ...control, telling, leases, connection, identity, role });
  } catch (error) {
    leases?.stop();
    // A worker that was made and never ran keeps its hold of the connection, which then cannot be closed: why it failed is what counts.
    await connection.close().catch(() => undefined);
    throw error;
  }
}

interface Control {
  control: Worker;
  /** Once the worker runs: what has ended is read by it. */
  keepQueues(): Keeper;
  /** Resolves whatever Temporal says to it, and once it is aborted. */
  keepWatch(signal: AbortSignal): Promise<void>;
}

async function controlOf(
  { metrics, queuePace, shadowPace, watch }: StartWorkerOptions,
  process: AuthorityOptions & Pick<StartWorkerOptions, 'build'>,
  deps: ActivityDeps,
): Promise<Control> {
  const { taskQueue } = process;
  const { queueSeen, anomalyFound, findingTold } = metrics;
  const temporal = controlClient(process);
  const executions = controlExecutions({ temporal, taskQueue });
  return {
    control: await createControlWorker({
      ...process,
      deps: {
        ...{ ...deps, taskQueue, executions, queueSeen, anomalyFound, findingTold },
        ...(watch ? { watch } : {}),
      },
    }),
    keepQueues: () =>
      together(
        startQueueKeeper({ temporal, store: deps.store, taskQueue, ...(queuePace ? { pace: queuePace } : {}) }),
        startShadowKeeper({ temporal, deps, taskQueue, ...(shadowPace ? { pace: shadowPace } : {}) }),
      ),
    keepWatch: (signal) => keepWatch(temporal, taskQueue, watch, signal),
  };
}

const together = (...keepers: readonly Keeper[]): Keeper => ({
  stop: async () => {
    await Promise.all(keepers.map((keeper) => keeper.stop()));
  },
});

function depsOf(options: StartWorkerOptions, worker: string, leases: Leases | undefined): ActivityDeps {
  const { store, stateDir, agents, providers, secretsOf, metrics, failpoint, watch } = options;
  const { anomalyFound } = metrics;
  return {
    store: withEndedRuns(store, watch !== undefined),
    conversation: createConversation(store),
    toolStore: directToolStore(store),
    agents,
    providers,
    quota: leases?.quota ?? NO_QUOTA,
    quotaOfShadows: leases?.ofShadows ?? NO_QUOTA,
    routing: options.routing ?? createHealthBoard({ store, worker, now: Date.now, metrics }),
    cache: createAnswerCache({
      ...{ store, worker, now: Date.now },
      ...(options.cachePace ? { pace: options.cachePace } : {}),
    }),
    prices: options.prices ?? UNKNOWN_PRICES,
    ...(options.texts ? { texts: options.texts } : {}),
    secretsOf,
    approvers: options.approvers ?? NO_APPROVERS,
    ...(options.tellPeople ? { tellPeople: options.tellPeople } : {}),
    ...(watch ? oddRuns(watch, { store, now: Date.now, anomalyFound }) : {}),
    stateDir,
    worker,
    now: Date.now,
    metrics,
    ...(options.tracing ? { tracing: options.tracing } : {}),
    ...(options.log ? { log: options.log } : {}),
    failpoint: createFailpoints(failpoint),
  };
}

interface Parts extends Partial<Control> {
  worker: Worker;
  /** Tells callers of their runs. */
  telling: Worker | undefined;
  leases: Leases | undefined;
  connection: NativeConnection;
  identity: string;
  role: WorkerRole;
}

function running({ worker, control, telling, leases, connection, ...parts }: Parts): RunningWorker {
  const stop = (one: Worker | undefined): void => {
    if (one?.getState() === 'RUNNING') one.shutdown();
  };
  // Calls under way still ask their quota: its own worker goes last, and where it fails nothing else is of use.
  const served = worker.run().finally(async () => {
    stop(telling);
    await leases?.finish();
    stop(control);
  });
  const controlled = control?.run().finally(() => stop(worker));
  const told = telling?.run().finally(() => stop(worker));
  const keeper = parts.keepQueues?.();
  const over = new AbortController();
  const scheduled = parts.keepWatch?.(over.signal);
  // The connection is closed when nobody holds it any more.
  const finished = Promise.allSettled([served, controlled, told])
    .finally(() => {
      over.abort();
      return Promise.all([keeper?.stop(), scheduled]);
    })
    .then(() => Promise.all([served, controlled, told]))
    .then(() => undefined)
    .finally(() => {
      leases?.stop();
      return connection.close();
    });
  return {
    identity: parts.identity,
    finished,
    load: () => loadOf(worker, parts.role),
    stop: async () => {
      stop(worker);
      await keeper?.stop();
      await finished;
    },
  };
}

const STATES: Readonly<Record<State, WorkerLoad['state']>> = {
  INITIALIZED: 'running',
  RUNNING: 'running',
  STOPPING: 'draining',
  DRAINING: 'draining',
  DRAINED: 'stopped',
  STOPPED: 'stopped',
  FAILED: 'failed',
};

function loadOf(worker: Worker, role: WorkerRole): WorkerLoad {
  const { runState, numInFlightActivities, numInFlightWorkflowActivations, numCachedWorkflows } = worker.getStatus();
  return {
    state: STATES[runState],
    ...(role === 'orchestrate' ? {} : { calls: numInFlightActivities }),
    ...(role === 'calls' ? {} : { steps: numInFlightWorkflowActivations }),
    held: numCachedWorkflows,
  };
}
