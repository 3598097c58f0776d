// What is counted of calls, by agent and release, while runs are under way.
import type { ActivityMetrics } from '../activities';
import { NANO_USD } from '../workflows/contract/cost';
import type { ReleaseSeries } from './release-series';

/** Seconds. Model calls take from tens of milliseconds (cached, small) to minutes (reasoning). */
const CALL_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
/** Seconds. A free worker begins within milliseconds. */
const STEP_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300];
const QUOTA_BUCKETS = [0.001, 0.1, 0.5, 1, 3, 10, 30, 60, 300, 900, 3_600];

type CallMetrics = Pick<
  ActivityMetrics,
  'modelCall' | 'modelSpent' | 'toolCall' | 'stepBegun' | 'attemptFailed' | 'quotaWaited' | 'loopFound' | 'cached'
>;

export function callMetrics(series: ReleaseSeries): CallMetrics {
  return { ...madeMetrics(series), ...spendingMetrics(series), ...stepMetrics(series) };
}

function madeMetrics(series: ReleaseSeries): Pick<CallMetrics, 'modelCall' | 'toolCall' | 'cached'> {
  const model = series.histogram({
    name: 'agent_model_call_duration_seconds',
    help: 'Model calls that were made and stored, by outcome: ok, or the problem with the answer; cancelled where one was stopped.',
    labels: ['model', 'outcome'],
    buckets: CALL_BUCKETS,
  });
  const tool = series.histogram({
    name: 'agent_tool_call_duration_seconds',
    help: 'Tool calls that were made and stored, by outcome: ok, or the failure type.',
    labels: ['tool', 'outcome'],
    buckets: CALL_BUCKETS,
  });
  const cached = series.counter({
    name: 'agent_model_cached_total',
    help: 'Model calls that were given the answer to the same question: nothing was called or paid.',
    labels: ['model'],
  });
  return {
    modelCall: ({ model: route, outcome, seconds, ...of }) => model(of, { model: route, outcome }, seconds),
    toolCall: ({ tool: name, outcome, seconds, ...of }) => tool(of, { tool: name, outcome }, seconds),
    cached: ({ model: route, ...of }) => cached(of, { model: route }),
  };
}

function spendingMetrics(series: ReleaseSeries): Pick<CallMetrics, 'modelSpent'> {
  const tokens = series.counter({
    name: 'agent_model_tokens_total',
    help: 'Tokens of requests to models, answered or not; estimated where none was. Cached input is among the input.',
    labels: ['model', 'direction'],
  });
  const cost = series.counter({
    name: 'agent_cost_usd_total',
    help: 'US dollars for requests to models, answered or not, where the price is known.',
    labels: ['model'],
  });
  return {
    modelSpent: ({ model, usage, nanoUsd, ...of }) => {
      tokens(of, { model, direction: 'input' }, usage.input);
      tokens(of, { model, direction: 'output' }, usage.output);
      cost(of, { model }, nanoUsd / NANO_USD);
    },
  };
}

function stepMetrics(
  series: ReleaseSeries,
): Pick<CallMetrics, 'stepBegun' | 'attemptFailed' | 'quotaWaited' | 'loopFound'> {
  const latency = series.histogram({
    name: 'agent_step_latency_seconds',
    help: 'From when a step was ready for a worker to when one began it, by kind: model or tool.',
    labels: ['kind'],
    buckets: STEP_BUCKETS,
  });
  const retries = series.counter({
    name: 'agent_call_retries_total',
    help: 'Attempts of calls after their first, by kind: model or tool.',
    labels: ['kind'],
  });
  const failed = series.counter({
    name: 'agent_attempts_failed_total',
    help: 'Attempts of activities that failed, by the failure type, whether or not they were made again.',
    labels: ['activity', 'failure'],
  });
  const waits = series.histogram({
    name: 'agent_quota_wait_seconds',
    help: 'That a request to a model waited for its quota and the budget of its tenant: next to nothing where nothing limits it.',
    labels: ['model'],
    buckets: QUOTA_BUCKETS,
  });
  const loops = series.counter({
    name: 'agent_loop_notices_total',
    help: 'Runs that went round in circles, by kind, and by what the guard did: warn, which tells the model, or stop.',
    labels: ['kind', 'did'],
  });
  return {
    stepBegun: ({ kind, attempt, seconds, ...of }) => {
      if (seconds !== undefined) latency(of, { kind }, seconds);
      if (attempt > 1) retries(of, { kind });
    },
    attemptFailed: ({ activity, failure, ...of }) => failed(of, { activity, failure }),
    quotaWaited: ({ model, seconds, ...of }) => waits(of, { model }, seconds),
    loopFound: ({ kind, then, ...of }) => loops(of, { kind, did: then }),
  };
}
