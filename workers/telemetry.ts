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
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ActivityMetrics, ControlDeps, WebhookDeps } from '../activities';
import { safeText } from '../activities/redact';
import { NANO_USD } from '../workflows/contract/cost';
import { LOG_ROTATE_BYTES, rotateLog } from '../infra/temporal/rotate-log';
import { routeMetrics } from './route-metrics';
import { batchMetrics } from './batch-metrics';
import { runQueueMetrics } from './run-queue-metrics';
import { webhookMetrics } from './webhook-metrics';

/** Seconds. Model calls take from tens of milliseconds (cached, small) to minutes (reasoning). */
const CALL_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

export interface Metrics
  extends ActivityMetrics, Required<Pick<ControlDeps, 'queueSeen'>>, Required<Pick<WebhookDeps, 'webhookCame'>> {
  readonly registry: Registry;
  workflowTaskFailed(workflowType: string): void;
  toolboxEnded(toolbox: string): void;
  /** Of the process of a toolbox; closed when it starts. */
  breakerTurned(toolbox: string, isOpen: boolean): void;
  callRefused(toolbox: string): void;
}

/** Labels are bounded: names of agents, tools, models and types. Never ids, users or tenants. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const modelCalls = new Histogram({
    name: 'agent_model_call_duration_seconds',
    help: 'Model calls that were made and stored, by outcome: ok, or the problem with the answer; cancelled where one was stopped.',
    labelNames: ['agent', 'model', 'outcome'],
    buckets: CALL_BUCKETS,
    registers,
  });
  const toolCalls = new Histogram({
    name: 'agent_tool_call_duration_seconds',
    help: 'Tool calls that were made and stored, by outcome: ok, or the failure type.',
    labelNames: ['agent', 'tool', 'outcome'],
    buckets: CALL_BUCKETS,
    registers,
  });
  const runs = new Counter({
    name: 'agent_runs_ended_total',
    help: 'Runs ended, by outcome and failure type.',
    labelNames: ['agent', 'outcome', 'failure'],
    registers,
  });
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
  return {
    registry,
    modelCall: ({ agent, model, outcome, seconds }) => modelCalls.observe({ agent, model, outcome }, seconds),
    modelSpent: spendingMetrics(registers),
    toolCall: ({ agent, tool, outcome, seconds }) => toolCalls.observe({ agent, tool, outcome }, seconds),
    runEnded: (run) => runs.inc(run),
    reused: (kind) => reused.inc({ kind }),
    ...gatewayMetrics(registers),
    ...routeMetrics(registers),
    ...batchMetrics(registers),
    ...runQueueMetrics(registers),
    ...webhookMetrics(registers),
    toolboxEnded: (toolbox) => toolboxEnds.inc({ toolbox }),
    breakerTurned: (toolbox, isOpen) => breakers.set({ toolbox }, isOpen ? 1 : 0),
    callRefused: (toolbox) => refused.inc({ toolbox }),
    workflowTaskFailed: (workflowType) => failing.inc({ workflow_type: workflowType }),
  };
}

function gatewayMetrics(registers: Registry[]): Pick<Metrics, 'cached'> {
  const cached = new Counter({
    name: 'agent_model_cached_total',
    help: 'Model calls that were given the answer to the same question: nothing was called or paid.',
    labelNames: ['agent', 'model'],
    registers,
  });
  return { cached: (call) => cached.inc(call) };
}

function spendingMetrics(registers: Registry[]): ActivityMetrics['modelSpent'] {
  const tokens = new Counter({
    name: 'agent_model_tokens_total',
    help: 'Tokens of requests to models, answered or not; estimated where none was.',
    labelNames: ['agent', 'model', 'direction'],
    registers,
  });
  const cost = new Counter({
    name: 'agent_cost_usd_total',
    help: 'US dollars for requests to models, answered or not, where the price is known.',
    labelNames: ['agent', 'model'],
    registers,
  });
  return ({ agent, model, input, output, nanoUsd }) => {
    tokens.inc({ agent, model, direction: 'input' }, input);
    tokens.inc({ agent, model, direction: 'output' }, output);
    cost.inc({ agent, model }, nanoUsd / NANO_USD);
  };
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

/** Core's own line about a failing task has no workflow type; the SDK's line just before it has. */
const typeOfRun = new LRUCache<string, string>({ max: 100 });

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
  const { runId, workflowType } = meta;
  if (typeof runId === 'string' && typeof workflowType === 'string') typeOfRun.set(runId, workflowType);
  if (TASK_FAILURE.test(message)) {
    metrics.workflowTaskFailed(typeOfRun.get(String(runId)) ?? 'unknown');
    // Not as JSON, in which an error is empty.
    const why = inspect(meta['error'] ?? meta['failure'] ?? '', { breakLength: Infinity });
    logger.error({ ...plain(meta), alert: 'workflow-task-failed' }, safeText(`${message} ${why}`));
    return;
  }
  logger[PINO_LEVEL[level]](plain(meta), safeText(message));
}

/** Only what is small and known to be free of content. */
const plain = (meta: Record<string | symbol, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(meta)
      .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))
      .map(([key, value]) => [key, typeof value === 'string' ? safeText(value) : value]),
  );

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
