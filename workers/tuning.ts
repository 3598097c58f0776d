// How much one worker does at once, and how long it may take to stop.
import type { WorkerOptions } from '@temporalio/worker';
import { durationMs } from '../activities/define/duration';
import type { WorkersConfig } from '../activities/define/workers';
import type { Setting } from './describe-settings';

export interface WorkerTuning {
  /** @default 10,000 */
  drainMs: number;
  slots: { calls?: number; steps?: number } | { memory: number; cpu: number };
}

const DRAIN = '10s';

export const UNTUNED: WorkerTuning = { drainMs: durationMs(DRAIN, 'drain'), slots: {} };

export function tuningOf({ drain = DRAIN, slots: { memory, cpu, ...counts } = {} }: WorkersConfig): WorkerTuning {
  const drainMs = durationMs(drain, 'drain');
  return memory === undefined || cpu === undefined ? { drainMs, slots: counts } : { drainMs, slots: { memory, cpu } };
}

type Slots = Pick<
  WorkerOptions,
  'tuner' | 'maxConcurrentActivityTaskExecutions' | 'maxConcurrentWorkflowTaskExecutions'
>;

/** The SDK's own where nothing is said. */
export function slotOptions({ slots }: WorkerTuning): Slots {
  if ('memory' in slots)
    return { tuner: { tunerOptions: { targetMemoryUsage: slots.memory, targetCpuUsage: slots.cpu } } };
  return {
    ...(slots.calls === undefined ? {} : { maxConcurrentActivityTaskExecutions: slots.calls }),
    ...(slots.steps === undefined ? {} : { maxConcurrentWorkflowTaskExecutions: slots.steps }),
  };
}

export function describeTuning(config: WorkersConfig, configName: string): Setting[] {
  const { drainMs, slots } = tuningOf(config);
  const at =
    'memory' in slots
      ? `up to ${slots.memory * 100} % of memory, ${slots.cpu * 100} % of processors`
      : `${slots.calls ?? 100} calls, ${slots.steps ?? 40} steps of runs`;
  return [
    { what: 'drain', value: `${drainMs / 1_000} s`, source: config.drain === undefined ? 'default' : configName },
    { what: 'slots', value: at, source: config.slots === undefined ? 'default' : configName },
  ];
}
