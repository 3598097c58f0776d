// One worker for orchestration and model calls: workflows, activities, and the tuning that fits them.
import { Worker, type NativeConnection, type WorkerOptions } from '@temporalio/worker';
import {
  createActivities,
  createControlActivities,
  createToolboxActivities,
  createWebhookActivities,
  type ActivityDeps,
  type ActivityMetrics,
  type ControlDeps,
  type ToolboxCall,
  type ToolObserveDeps,
  type WebhookDeps,
} from '../activities';
import type { QueueRate, ToolboxLimits } from '../activities/define';
import { dataConverterFor, type KeyRing } from '../activities/keys';
import { createConversation, directToolStore, type ContentStore } from '../activities/store';
import { controlQueue, toolQueue, toolboxQueue, webhookQueue } from '../workflows/contract/names';
import { callNames } from './call-names';
import type { DeployedBuild } from '../infra/temporal/task-queue-pollers';
import { encodingFailures } from './failure-encoding';
import { unversioned, versionOptions } from './orchestration-code';
import { UNTUNED, slotOptions, type WorkerTuning } from './tuning';
import { workflowBundle } from './workflow-bundle';

export interface AgentWorkerOptions {
  connection: NativeConnection;
  namespace: string;
  taskQueue: string;
  deps: ActivityDeps;
  identity: string;
  /** Seal what Temporal is given. @default none: it is given clear text, and sealed histories are not read */
  keys?: KeyRing;
  /** Runs kept in memory; an evicted one is replayed from its history when it is needed. @default 200 */
  maxCachedWorkflows?: number;
  /** @default UNTUNED */
  tuning?: WorkerTuning;
  /** Decides what runs do, makes the calls that they ask for, or does both. @default 'both' */
  role?: WorkerRole;
  /** For a debugger: workflow tasks may take as long as they like. */
  debug?: boolean;
  /** Runs that begin here end on this code. @default none: any worker may go on with any run */
  build?: DeployedBuild;
}

/**
 * `orchestrate` holds runs and makes no calls, `calls` makes those of the runs' own queue and holds no runs: so each can be as many as it
 * needs. Toolboxes have processes of their own either way.
 */
export type WorkerRole = 'both' | 'orchestrate' | 'calls';

/** Of every worker. */
const stopping = ({ drainMs }: WorkerTuning) =>
  ({
    // The server is told of a heartbeat at most this often; the activities beat as seldom.
    maxHeartbeatThrottleInterval: '5s',
    defaultHeartbeatThrottleInterval: '5s',
    shutdownGraceTime: drainMs,
  }) as const;

/**
 * A worker that is ready for pushed cancels before it asks for its first task. The SDK makes ready for them in the background, from the
 * moment that a worker is created; and a poll that was sent before says for as long as it waits, a minute, that nothing can be pushed: a call
 * that it brings hears of its cancel with a heartbeat only. What was begun before a round trip is done after it.
 */
async function createListening(options: WorkerOptions & { connection: NativeConnection }): Promise<Worker> {
  const worker = await Worker.create(options);
  // Where it fails `run` will too, and says so.
  await options.connection.workflowService.getSystemInfo({}).catch(() => undefined);
  return worker;
}

export async function createAgentWorker(options: AgentWorkerOptions): Promise<Worker> {
  const { tuning = UNTUNED, role = 'both' } = options;
  const bundle = await workflowBundle();
  return await createListening({
    connection: options.connection,
    namespace: options.namespace,
    taskQueue: options.taskQueue,
    identity: options.identity,
    workerDeploymentOptions: await versionOptions(options.build, 'PINNED'),
    ...(role === 'calls' ? {} : { workflowBundle: options.keys ? await encodingFailures(bundle) : bundle }),
    dataConverter: dataConverterFor(options.keys),
    ...(role === 'orchestrate'
      ? { enableNonLocalActivities: false }
      : { activities: { ...createActivities(options.deps) }, interceptors: { activity: [callNames] } }),
    maxCachedWorkflows: options.maxCachedWorkflows ?? 200,
    // A worker that died leaves its runs' next tasks on its own queue for this long; replaying elsewhere costs milliseconds.
    stickyQueueScheduleToStartTimeout: '5s',
    ...slotOptions(tuning),
    ...stopping(tuning),
    ...(options.debug ? { debugMode: true } : {}),
  });
}

export interface ControlWorkerOptions extends Pick<
  AgentWorkerOptions,
  'connection' | 'namespace' | 'taskQueue' | 'identity' | 'keys' | 'build'
> {
  /** Of queues and sessions. @default quotas and budgets alone are served: they do nothing outside */
  deps?: ControlDeps;
}

/** Serves the workflows that all runs share, on a queue of their own. Whichever process has one goes on with them when another is gone. */
export async function createControlWorker(options: ControlWorkerOptions): Promise<Worker> {
  const { connection, namespace, taskQueue, identity, keys, deps, build } = options;
  const bundle = await workflowBundle();
  return await Worker.create({
    connection,
    namespace,
    taskQueue: controlQueue(taskQueue),
    identity,
    workerDeploymentOptions: await versionOptions(build, 'AUTO_UPGRADE'),
    workflowBundle: keys ? await encodingFailures(bundle) : bundle,
    dataConverter: dataConverterFor(keys),
    ...(deps ? { activities: createControlActivities(deps) } : {}),
    maxCachedWorkflows: 50,
    // Its leases last two seconds: a worker that is gone must not be waited for any longer.
    stickyQueueScheduleToStartTimeout: '500ms',
    ...stopping(UNTUNED),
  });
}

/** Deliveries at once, of all callers: each takes five seconds at the most. */
const WEBHOOKS_AT_ONCE = 20;

/** Tells callers of their runs, on a queue of its own: a receiver that does not answer keeps no run and no queue waiting. */
export async function createWebhookWorker(
  options: Omit<ControlWorkerOptions, 'deps' | 'build'> & { deps: WebhookDeps },
): Promise<Worker> {
  const { connection, namespace, taskQueue, identity, keys, deps } = options;
  return await Worker.create({
    ...{ connection, namespace, identity, taskQueue: webhookQueue(taskQueue) },
    workerDeploymentOptions: unversioned(),
    dataConverter: dataConverterFor(keys),
    activities: { ...createWebhookActivities(deps) },
    maxConcurrentActivityTaskExecutions: WEBHOOKS_AT_ONCE,
    // Whoever waits to be told need not be told within the millisecond.
    maxConcurrentActivityTaskPolls: 1,
    ...stopping(UNTUNED),
  });
}

export interface ToolboxWorkerOptions extends Pick<
  AgentWorkerOptions,
  'connection' | 'namespace' | 'identity' | 'keys'
> {
  /** Of the runs; the toolbox has one beside it. */
  taskQueue: string;
  toolbox: string;
  limits: ToolboxLimits;
  /** Set for a queue of one of its tools; then its own rate. */
  tool?: { name: string; rate: QueueRate | null };
  call: ToolboxCall;
  /** By which calls of shadows are answered, and kept from the process. */
  store: ContentStore;
  metrics: Pick<ActivityMetrics, 'attemptFailed'>;
  /** What its calls are shown and written down with. @default neither */
  watching?: ToolObserveDeps;
  /** Of its calls alone what stops them. @default UNTUNED */
  tuning?: WorkerTuning;
}

/** Takes the calls of one toolbox from Temporal, for its process: that one needs neither Temporal's credentials nor the keys of payloads. */
export async function createToolboxWorker(options: ToolboxWorkerOptions): Promise<Worker> {
  const { connection, namespace, identity, taskQueue, toolbox, limits, tool, call, keys, metrics, watching } = options;
  const { store } = options;
  const { tuning = UNTUNED } = options;
  const rate = tool ? tool.rate : limits.rate;
  return await createListening({
    connection,
    namespace,
    taskQueue: tool ? toolQueue(taskQueue, toolbox, tool.name) : toolboxQueue(taskQueue, toolbox),
    identity,
    workerDeploymentOptions: unversioned(),
    dataConverter: dataConverterFor(keys),
    activities: createToolboxActivities(
      {
        metrics,
        shadows: {
          ...{ store, conversation: createConversation(store), toolStore: directToolStore(store) },
          ...{ worker: identity, now: Date.now },
        },
      },
      call,
      watching,
    ),
    interceptors: { activity: [callNames] },
    // A worker that has no place left asks for no call: it waits where it costs neither an attempt nor its time.
    ...(limits.atOnce === undefined ? {} : { maxConcurrentActivityTaskExecutions: limits.atOnce }),
    ...(rate ? { maxTaskQueueActivitiesPerSecond: (rate.calls * 1_000) / rate.perMs } : {}),
    ...stopping(tuning),
  });
}
