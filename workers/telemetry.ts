// The one Temporal runtime of a process: its logs as JSON lines, its Core metrics beside ours, and an alarm for failing workflow tasks.
import { statSync } from 'node:fs';
import { inspect } from 'node:util';
import {
  Runtime,
  makeTelemetryFilterString,
  type LogEntry,
  type LogLevel,
  type LogMetadata,
  type Logger as TemporalLogger,
} from '@temporalio/worker';
import { LRUCache } from 'lru-cache';
import { pino, type Logger } from 'pino';
import { Counter, Gauge, Registry, type RegistryContentType } from 'prom-client';
import type { ActivityMetrics, ControlDeps, WebhookDeps } from '../activities';
import { safeText } from '../activities/redact';
import { LOG_ROTATE_BYTES, rotateLog } from '../infra/temporal/rotate-log';
import { WORKFLOW_TYPES } from '../workflows/contract/names';
import { routeMetrics } from './route-metrics';
import { batchMetrics } from './batch-metrics';
import { callMetrics } from './call-metrics';
import { releaseSeries } from './release-series';
import { runMetrics } from './run-metrics';
import { runQueueMetrics } from './run-queue-metrics';
import { watchMetrics } from './watch-metrics';
import { webhookMetrics } from './webhook-metrics';

export interface Metrics
  extends
    ActivityMetrics,
    Required<Pick<ControlDeps, 'queueSeen' | 'anomalyFound' | 'findingTold'>>,
    Required<Pick<WebhookDeps, 'webhookCame'>> {
  /** Written by metrics-text.ts. */
  readonly registry: Registry;
  workflowTaskFailed(workflowType: string): void;
  toolboxEnded(toolbox: string): void;
  /** Of the process of a toolbox; closed when it starts. */
  breakerTurned(toolbox: string, isOpen: boolean): void;
  callRefused(toolbox: string): void;
}

/** Labels are bounded: names of agents, releases, tools, models and types. Never ids, users or tenants: those are in exemplars. */
export function createMetrics(): Metrics {
  const registry = exemplarRegistry();
  const registers = [registry];
  const series = releaseSeries(registry);
  const reused = new Counter({
    name: 'agent_calls_reused_total',
    help: 'Calls answered from their record: nothing was called or paid.',
    labelNames: ['kind'],
    registers,
  });
  const failing = new Counter({
    name: 'agent_workflow_task_failures_total',
    help: 'Workflow tasks that failed: a bug in orchestration code. Alert on any.',
    labelNames: ['workflow_type'],
    registers,
  });
  const toolboxEnds = new Counter({
    name: 'agent_toolbox_process_ends_total',
    help: 'Processes of toolboxes that ended by themselves. Alert where it keeps rising.',
    labelNames: ['toolbox'],
    registers,
  });
  const breakers = new Gauge({
    name: 'agent_toolbox_breaker_open',
    help: 'Whether the toolbox leaves its outside alone because it kept failing: 1, or 0. Alert where it stays.',
    labelNames: ['toolbox'],
    registers,
  });
  const refused = new Counter({
    name: 'agent_toolbox_calls_refused_total',
    help: 'Attempts that were not made because the breaker of their toolbox was open.',
    labelNames: ['toolbox'],
    registers,
  });
  const webhooks = webhookMetrics(registers);
  return {
    registry,
    ...callMetrics(series),
    ...runMetrics(series),
    reused: (kind) => reused.inc({ kind }),
    ...routeMetrics(registers),
    ...batchMetrics(registers),
    ...runQueueMetrics(registers),
    ...webhooks,
    ...watchMetrics(series, webhooks),
    toolboxEnded: (toolbox) => toolboxEnds.inc({ toolbox }),
    breakerTurned: (toolbox, isOpen) => breakers.set({ toolbox }, isOpen ? 1 : 0),
    callRefused: (toolbox) => refused.inc({ toolbox }),
    workflowTaskFailed: (workflowType) => failing.inc({ workflow_type: workflowType }),
  };
}

/** The library allows exemplars in such a one alone. Its type is the plain one's, since metrics are made alike for both. */
function exemplarRegistry(): Registry {
  const registry = new Registry<RegistryContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry as Registry;
}

export interface TelemetryOptions {
  logger: Logger;
  metrics: Metrics;
  /** Where Temporal Core serves its own metrics, as `host:port`; not served when absent. */
  coreMetricsAddress?: string;
}

const PINO_LEVEL: Record<LogLevel, 'trace' | 'debug' | 'info' | 'warn' | 'error'> = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
};
/** How the SDK names the event; test/workflows/task-failure.test.ts fails when an upgrade renames it. */
const TASK_FAILURE = /Failing workflow task|failed to activate|Workflow Task failed/i;

/** Call once in a process, before the first worker or native connection. */
export function installTelemetry({ logger, metrics, coreMetricsAddress }: TelemetryOptions): Runtime {
  return Runtime.install({
    // Lets the server push cancels to activities without waiting for their heartbeat.
    workerHeartbeatInterval: '1s',
    shutdownSignals: [],
    logger: coreLogger(logger, metrics),
    telemetryOptions: {
      logging: { filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }), forward: {} },
      ...(coreMetricsAddress === undefined
        ? {}
        : {
            metrics: {
              prometheus: {
                bindAddress: coreMetricsAddress,
                countersTotalSuffix: true,
                unitSuffix: true,
                useSecondsForDurations: true,
              },
            },
          }),
    },
  });
}

/** Core's own line about a failing task does not say whose it is; the SDK's line just before it does. */
const workflows = new LRUCache<string, { workflowType: string; workflowId: unknown }>({ max: 100 });

type Entry = Pick<LogEntry, 'level' | 'message' | 'meta'>;

/** What Temporal's SDK logs through: every level passes the same filter. */
export function coreLogger(logger: Logger, metrics: Metrics): TemporalLogger {
  const at =
    (level: LogLevel) =>
    (message: string, meta?: LogMetadata): void =>
      write(logger, metrics, { level, message, ...(meta ? { meta } : {}) });
  return {
    log: (level, message, meta) => at(level)(message, meta),
    trace: at('TRACE'),
    debug: at('DEBUG'),
    info: at('INFO'),
    warn: at('WARN'),
    error: at('ERROR'),
  };
}

function write(logger: Logger, metrics: Metrics, { level, message, meta = {} }: Entry): void {
  const { runId, workflowType, workflowId } = meta;
  if (typeof runId === 'string' && typeof workflowType === 'string') workflows.set(runId, { workflowType, workflowId });
  if (TASK_FAILURE.test(message)) {
    const of = workflows.get(String(runId));
    metrics.workflowTaskFailed(of?.workflowType ?? 'unknown');
    // Not as JSON, in which an error is empty.
    const why = inspect(meta['error'] ?? meta['failure'] ?? '', { breakLength: Infinity });
    logger.error({ ...plain({ ...of, ...meta }), alert: 'workflow-task-failed' }, safeText(`${message} ${why}`));
    return;
  }
  logger[PINO_LEVEL[level]](plain(meta), safeText(message));
}

/** Only what is small and known to be free of content; of a run with its id, as in our own lines. */
const plain = (meta: Record<string | symbol, unknown>): Record<string, unknown> => {
  const small = Object.fromEntries(
    Object.entries(meta)
      .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))
      .map(([key, value]) => [key, typeof value === 'string' ? safeText(value) : value]),
  );
  return small['workflowType'] === WORKFLOW_TYPES.agentRun ? { run: small['workflowId'], ...small } : small;
};

/** JSON lines to a file, so that a terminal stays for people. One that grows past `rotateBytes` becomes `<file>.1`. */
export function createLogger(file: string | undefined, level = 'info', rotateBytes = LOG_ROTATE_BYTES): Logger {
  if (file === undefined) return pino({ level });
  rotateLog(file, rotateBytes);
  const destination = pino.destination({ dest: file, mkdir: true, sync: false });
  const size = (): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  let written = size();
  const write = (line: string): void => {
    written += Buffer.byteLength(line);
    if (written > rotateBytes) {
      // Of several processes with one log, one renames it; each opens what then has the name.
      rotateLog(file, rotateBytes);
      destination.reopen();
      written = size();
    }
    destination.write(line);
  };
  return pino({ level }, { write });
}
