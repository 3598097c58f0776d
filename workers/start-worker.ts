// Joins the ports to a running worker, and stops it in order: no new work, work under way finished or handed back, then the store.
import { NativeConnection, type NativeConnectionOptions, type Worker } from '@temporalio/worker';
import type { ActivityDeps, AgentRegistry, ProviderRegistry } from '../activities';
import type { KeyRing } from '../activities/keys';
import { NO_APPROVERS } from '../activities/approvals/require-approval';
import { NO_QUOTA } from '../activities/gateway/ports';
import { createHealthBoard } from '../activities/gateway/routing/health-board';
import { createConversation, directToolStore, type ContentStore } from '../activities/store';
import { createAgentWorker } from './create-worker';
import { withEndedRuns } from './ended-runs';
import { createFailpoints } from './failpoints';
import type { FailpointPlan } from './process-settings';
import type { Metrics } from './telemetry';
import { workerIdentity } from './worker-identity';

export interface StartWorkerOptions {
  connection: NativeConnectionOptions;
  namespace: string;
  taskQueue: string;
  store: ContentStore;
  stateDir: string;
  agents: AgentRegistry;
  providers: ProviderRegistry;
  /** @default nothing is limited */
  quota?: ActivityDeps['quota'];
  /** @default by their health, as all workers of the store see it */
  routing?: ActivityDeps['routing'];
  secretsOf: ActivityDeps['secretsOf'];
  /** @default nobody */
  approvers?: ActivityDeps['approvers'];
  tellPeople?: NonNullable<ActivityDeps['tellPeople']>;
  metrics: Metrics;
  /** Tells this worker's life from another's: a recovery after a crash must know which workers are gone. */
  identity?: string;
  /** Seal what Temporal is given; the store has its own from whoever opened it. @default none */
  keys?: KeyRing;
  failpoint?: FailpointPlan;
  debug?: boolean;
  /** @see AgentWorkerOptions */
  atOnce?: number;
}

export interface RunningWorker {
  readonly identity: string;
  /** Settles when the worker has stopped; rejects when it failed. */
  readonly finished: Promise<void>;
  /** Lets work under way finish for ten seconds, then cancels it; Temporal gives it to the next worker. */
  stop(): Promise<void>;
}

export async function startWorker(options: StartWorkerOptions): Promise<RunningWorker> {
  const identity = options.identity ?? workerIdentity();
  const connection = await NativeConnection.connect(options.connection);
  try {
    const worker = await createAgentWorker({
      connection,
      namespace: options.namespace,
      taskQueue: options.taskQueue,
      identity,
      deps: depsOf(options, identity),
      ...(options.keys ? { keys: options.keys } : {}),
      ...(options.debug ? { debug: true } : {}),
      ...(options.atOnce === undefined ? {} : { atOnce: options.atOnce }),
    });
    return running(worker, connection, identity);
  } catch (error) {
    await connection.close();
    throw error;
  }
}

function depsOf(options: StartWorkerOptions, worker: string): ActivityDeps {
  const { store, stateDir, agents, providers, secretsOf, metrics, failpoint } = options;
  return {
    store: withEndedRuns(store),
    conversation: createConversation(store),
    toolStore: directToolStore(store),
    agents,
    providers,
    quota: options.quota ?? NO_QUOTA,
    routing: options.routing ?? createHealthBoard({ store, worker, now: Date.now, metrics }),
    secretsOf,
    approvers: options.approvers ?? NO_APPROVERS,
    ...(options.tellPeople ? { tellPeople: options.tellPeople } : {}),
    stateDir,
    worker,
    now: Date.now,
    metrics,
    failpoint: createFailpoints(failpoint),
  };
}

function running(worker: Worker, connection: NativeConnection, identity: string): RunningWorker {
  const finished = worker.run().finally(() => connection.close());
  return {
    identity,
    finished,
    stop: async () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await finished;
    },
  };
}
