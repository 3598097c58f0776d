// Needs: nothing; promtool where there is one. What a process counts: bounded labels, each run once, both forms of a scrape.
import { spawnSync } from 'node:child_process';
import type { CountedRun } from '../../activities';
import { metricsText } from '../../workers/metrics-text';
import { stateMetrics } from '../../workers/state-metrics';
import { createMetrics } from '../../workers/telemetry';

const NOW = 1_800_000_000_000;
const hash = (nth: number): string => nth.toString(16).padStart(12, '0').padEnd(64, 'e');
const run = (own: Partial<CountedRun> = {}): CountedRun => ({
  ...{ agent: 'desk', release: hash(1), id: 'run-1', tenant: 'acme', outcome: 'completed', failure: 'none' },
  ...{ seconds: 12, queuedSeconds: 3 },
  totals: {
    ...{ turns: 2, modelCalls: 3, toolCalls: 4, reusedCalls: 0 },
    usage: { input: 100, cachedInput: 40, output: 20, reasoning: 5 },
    cost: { nanoUsd: 2_000_000_000 },
  },
  ...own,
});
const lines = async (metrics: ReturnType<typeof createMetrics>, name: string): Promise<string[]> =>
  (await metricsText(metrics)).text.split('\n').filter((line) => line.startsWith(name));

test('a run is counted by agent and release, with what it took', async () => {
  const metrics = createMetrics();
  metrics.runEnded(run());
  const of = 'agent="desk",release="000000000001"';
  expect(await lines(metrics, 'agent_runs_ended_total')).toEqual([
    `agent_runs_ended_total{${of},outcome="completed",failure="none"} 1`,
  ]);
  expect(await lines(metrics, 'agent_run_tokens_sum')).toEqual([
    `agent_run_tokens_sum{${of},kind="input"} 100`,
    `agent_run_tokens_sum{${of},kind="cached_input"} 40`,
    `agent_run_tokens_sum{${of},kind="output"} 20`,
    `agent_run_tokens_sum{${of},kind="reasoning"} 5`,
  ]);
  for (const [name, sum] of Object.entries({
    turns: 2,
    model_calls: 3,
    tool_calls: 4,
    cost_usd: 2,
    queue_wait_seconds: 3,
  }))
    expect(await lines(metrics, `agent_run_${name}_sum`)).toEqual([`agent_run_${name}_sum{${of}} ${sum}`]);
});

test('what a run cost is not told where a price is unknown', async () => {
  const metrics = createMetrics();
  const { totals } = run();
  metrics.runEnded(run({ totals: { ...totals, cost: { nanoUsd: 5, unknown: 1 } } }));
  expect(await lines(metrics, 'agent_run_cost_usd_sum')).toEqual([]);
});

test('of an agent the newest releases alone have series, whatever names come', async () => {
  const metrics = createMetrics();
  for (let nth = 1; nth <= 60; nth += 1) {
    const release = hash(nth);
    metrics.runEnded(run({ release }));
    metrics.toolCall({ agent: 'desk', release, tool: 'refund', outcome: 'ok', seconds: 1 });
  }
  for (const name of ['agent_runs_ended_total', 'agent_run_turns_count', 'agent_tool_call_duration_seconds_count']) {
    const told = await lines(metrics, name);
    expect(told).toHaveLength(20);
    expect(told.at(-1)).toContain('release="00000000003c"');
    expect(told[0]).toContain('release="000000000029"');
  }
});

test('one that comes back keeps its series, and another gives way', async () => {
  const metrics = createMetrics();
  for (let nth = 1; nth <= 20; nth += 1) metrics.runEnded(run({ release: hash(nth) }));
  metrics.runEnded(run({ release: hash(1) }));
  metrics.runEnded(run({ release: hash(21) }));
  const told = (await lines(metrics, 'agent_runs_ended_total')).join('\n');
  expect(told).toMatch(/release="000000000001",outcome="completed",failure="none"\} 2/);
  expect(told).not.toContain('release="000000000002"');
});

test('names of tools and agents that come without end are counted together', async () => {
  const metrics = createMetrics();
  for (let nth = 0; nth < 2_000; nth += 1) {
    metrics.toolCall({ agent: 'desk', release: hash(1), tool: `tool-${nth}`, outcome: 'ok', seconds: 1 });
    metrics.loopFound({ agent: `agent-${nth}`, release: hash(1), kind: 'stale', then: 'warn' });
  }
  const tools = await lines(metrics, 'agent_tool_call_duration_seconds_count');
  expect(tools).toHaveLength(501);
  expect(tools.join('\n')).toContain('tool="other",outcome="other"} 1500');
  expect((await lines(metrics, 'agent_loop_notices_total')).length).toBeLessThanOrEqual(501);
});

test('tenants and runs are in exemplars of OpenMetrics, and in no label', async () => {
  const metrics = createMetrics();
  metrics.runEnded(run());
  metrics.runEnded(run({ tenant: 't'.repeat(200), id: 'run-2', outcome: 'failed', failure: 'Tool.Failed' }));
  const plain = await metricsText(metrics);
  expect(plain.contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(plain.text).not.toMatch(/acme|run-1/);
  const open = await metricsText(metrics, 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3');
  expect(open.contentType).toMatch(/^application\/openmetrics-text; version=1\.0\.0/);
  expect(open.text).toMatch(/^# TYPE agent_runs_ended counter$/m);
  expect(open.text).toMatch(/^agent_runs_ended_total\{[^}]*\} 1 # \{tenant="acme",run="run-1"\} 1 [\d.]+$/m);
  // Too long for an exemplar.
  expect(open.text).toMatch(/^agent_runs_ended_total\{[^}]*"Tool\.Failed"\} 1 # \{run="run-2"\} 1 [\d.]+$/m);
  expect(open.text.endsWith('# EOF\n')).toBe(true);
  // The one does not change the other.
  expect((await metricsText(metrics)).text).toMatch(/^# TYPE agent_runs_ended_total counter$/m);
});

test('how things stand is asked for at each scrape; what does not answer is not told', async () => {
  const metrics = createMetrics();
  let asked = 0;
  stateMetrics(metrics.registry, {
    now: () => NOW,
    approvals: () => {
      asked += 1;
      return Promise.resolve([
        { agent: 'desk', release: hash(1), askedAt: NOW - 5_000 },
        { agent: 'desk', release: hash(1), askedAt: NOW - 90_000 },
        { agent: 'desk', release: hash(1), askedAt: NOW - 1_000 },
      ]);
    },
    rollouts: () =>
      Promise.resolve([
        { agent: 'desk', release: hash(2), share: 0.05, pausedAt: NOW - 7_000 },
        { agent: 'shop', release: hash(3), share: 0.5 },
      ]),
    queues: () => Promise.reject(new Error('no worker')),
    quotas: () =>
      Promise.resolve([
        {
          model: 'openai/gpt-5-mini',
          view: {
            ...{ route: 'openai/gpt-5-mini', at: NOW, away: 2, workers: 1 },
            limits: [{ of: 'tokens', perMs: 60_000, most: 1_000, used: 250, leased: 0 }],
            waiting: [{ priority: 'normal', tenant: 'acme', count: 3 }],
            concurrency: { most: 4, busy: 3 },
          },
        },
      ]),
    temporal: () => Promise.resolve({}),
    store: () => Promise.reject(new Error('away')),
  });
  const { text } = await metricsText(metrics);
  expect(text).toMatch(/^agent_approvals_waiting\{agent="desk",release="000000000001"\} 3$/m);
  expect(text).toMatch(/^agent_approval_oldest_age_seconds\{agent="desk",release="000000000001"\} 90$/m);
  expect(text).toMatch(/^agent_rollout_share_ratio\{agent="desk",release="000000000002"\} 0\.05$/m);
  expect(text).toMatch(/^agent_rollout_paused_seconds\{agent="desk",release="000000000002"\} 7$/m);
  expect(text).toMatch(/^agent_rollout_paused_seconds\{agent="shop",release="000000000003"\} 0$/m);
  expect(text).toMatch(/^agent_quota_used_ratio\{model="openai\/gpt-5-mini",limit="tokens",period="60"\} 0\.25$/m);
  expect(text).toMatch(/^agent_quota_used_ratio\{model="openai\/gpt-5-mini",limit="concurrency",period="0"\} 0\.75$/m);
  expect(text).toMatch(/^agent_quota_requests_waiting\{model="openai\/gpt-5-mini"\} 5$/m);
  expect(text).toMatch(/^agent_dependency_up\{dependency="temporal"\} 1$/m);
  expect(text).toMatch(/^agent_dependency_up\{dependency="store"\} 0$/m);
  expect(text).not.toMatch(/^agent_queue_depth_limit\{/m);
  // Several gauges and several scrapes share one look.
  await metricsText(metrics);
  expect(asked).toBe(1);
  const promtool = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  if (promtool.error) console.log('promtool is not installed: the metrics were not checked with it');
  else expect({ status: promtool.status, said: promtool.stdout + promtool.stderr }).toEqual({ status: 0, said: '' });
});
