// One worker for orchestration and model calls: workflows, activities, and the tuning that fits them.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  DefaultLogger,
  Worker,
  bundleWorkflowCode,
  type NativeConnection,
  type WorkflowBundleOption,
} from '@temporalio/worker';
import { createActivities, type ActivityDeps } from '../activities';
import { dataConverterFor, type KeyRing } from '../activities/keys';
import { encodingFailures } from './failure-encoding';

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
  /** For a debugger: workflow tasks may take as long as they like. */
  debug?: boolean;
}

/** Built by `npm run build`; a tree that was not built (a test) bundles once a process instead. */
const PREBUILT = join(__dirname, '..', 'workflow-bundle.js');
let bundled: Promise<WorkflowBundleOption> | undefined;

export function workflowBundle(): Promise<WorkflowBundleOption> {
  bundled ??= existsSync(PREBUILT)
    ? Promise.resolve({ codePath: PREBUILT })
    : bundleWorkflowCode({
        workflowsPath: require.resolve('../workflows/index'),
        failureConverterPath: require.resolve('../workflows/failure-converter'),
        logger: new DefaultLogger('WARN'),
      });
  return bundled;
}

export async function createAgentWorker(options: AgentWorkerOptions): Promise<Worker> {
  return await Worker.create({
    connection: options.connection,
    namespace: options.namespace,
    taskQueue: options.taskQueue,
    identity: options.identity,
    workflowBundle: options.keys ? await encodingFailures(await workflowBundle()) : await workflowBundle(),
    dataConverter: dataConverterFor(options.keys),
    activities: { ...createActivities(options.deps) },
    maxCachedWorkflows: options.maxCachedWorkflows ?? 200,
    // The server is told of a heartbeat at most this often; the activities beat as seldom.
    maxHeartbeatThrottleInterval: '5s',
    defaultHeartbeatThrottleInterval: '5s',
    // A worker that died leaves its runs' next tasks on its own queue for this long; replaying elsewhere costs milliseconds.
    stickyQueueScheduleToStartTimeout: '5s',
    shutdownGraceTime: '10s',
    ...(options.debug ? { debugMode: true } : {}),
  });
}
