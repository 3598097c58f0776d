// What is counted of runs, by agent and release: of each once, when it has ended.
import type { ActivityMetrics } from '../activities';
import { NANO_USD } from '../workflows/contract/cost';
import type { ReleaseSeries } from './release-series';

/** Seconds. A run takes from a second to days, where it waits for people. */
const RUN_BUCKETS = [1, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 14_400, 86_400, 604_800];
/** Seconds. */
const QUEUE_BUCKETS = [0.1, 1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400];
const TOKEN_BUCKETS = [100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000];
const CALL_BUCKETS = [0, 1, 2, 3, 5, 8, 12, 20, 30, 50, 100, 200, 500, 1_000];
const USD_BUCKETS = [0.000_1, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100];

export function runMetrics(series: ReleaseSeries): Pick<ActivityMetrics, 'runEnded' | 'requestDecided'> {
  const ended = series.counter({
    name: 'agent_runs_ended_total',
    help: 'Runs ended, by outcome and failure type.',
    labels: ['outcome', 'failure'],
  });
  const duration = series.histogram({
    name: 'agent_run_duration_seconds',
    help: 'From the start of a run to its end, with all that it waited for but its queue.',
    labels: ['outcome'],
    buckets: RUN_BUCKETS,
  });
  const queued = series.histogram({
    name: 'agent_run_queue_wait_seconds',
    help: 'That a run waited in its queue before it began; of runs that have ended.',
    buckets: QUEUE_BUCKETS,
  });
  const tokens = series.histogram({
    name: 'agent_run_tokens',
    help: 'Tokens of a run, its sub-agents included, by kind: input (with cached_input, which the provider had kept), output (with reasoning).',
    labels: ['kind'],
    buckets: TOKEN_BUCKETS,
  });
  const calls = (name: string, help: string) => series.histogram({ name, help, buckets: CALL_BUCKETS });
  const turns = calls('agent_run_turns', 'Turns of a run.');
  const modelCalls = calls('agent_run_model_calls', 'Model calls of a run, its sub-agents included.');
  const toolCalls = calls('agent_run_tool_calls', 'Tool calls of a run, its sub-agents included.');
  const cost = series.histogram({
    name: 'agent_run_cost_usd',
    help: 'US dollars that a run took, its sub-agents included, where the price of all its calls is known.',
    buckets: USD_BUCKETS,
  });
  const decided = series.histogram({
    name: 'agent_approval_wait_seconds',
    help: 'From what a run asked a person to the decision, by verdict.',
    labels: ['verdict'],
    buckets: RUN_BUCKETS,
  });
  return {
    runEnded: ({ id, tenant, outcome, failure, seconds, queuedSeconds, totals, ...of }) => {
      const exemplar = { tenant, run: id };
      const { usage } = totals;
      ended(of, { outcome, failure }, 1, exemplar);
      duration(of, { outcome }, seconds, exemplar);
      if (queuedSeconds !== undefined) queued(of, {}, queuedSeconds, exemplar);
      tokens(of, { kind: 'input' }, usage.input, exemplar);
      tokens(of, { kind: 'cached_input' }, usage.cachedInput, exemplar);
      tokens(of, { kind: 'output' }, usage.output, exemplar);
      tokens(of, { kind: 'reasoning' }, usage.reasoning, exemplar);
      turns(of, {}, totals.turns, exemplar);
      modelCalls(of, {}, totals.modelCalls, exemplar);
      toolCalls(of, {}, totals.toolCalls, exemplar);
      if (totals.cost && !totals.cost.unknown) cost(of, {}, totals.cost.nanoUsd / NANO_USD, exemplar);
    },
    requestDecided: ({ verdict, seconds, ...of }) => decided(of, { verdict }, seconds),
  };
}
