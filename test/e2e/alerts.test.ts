// Needs: the built command line (npm run build), a Temporal CLI, free ports, Prometheus. A real Prometheus scrapes a real worker whose agent
// fails; what it asked is in its own tables, and an alert of ours fires.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { freePort } from '../stack/free-port';
import { TOP, cli, scratchFolder, startCli, until, type RunningProcess } from './cli';

jest.setTimeout(240_000);

const hasPrometheus = spawnSync('prometheus', ['--version']).status === 0;
const described = hasPrometheus || process.env['CI'] ? describe : describe.skip;
const FAILING = `import { ToolRejection, defineAgent, defineTool } from 'longhaul';
import { z } from 'zod';
const greet = defineTool({
  name: 'greet',
  description: 'Greets someone by name.',
  input: z.object({ name: z.string() }),
  output: z.object({ greeting: z.string() }),
  effect: 'read',
  onFailure: 'stop',
  run: () => {
    throw new ToolRejection('nobody is to be greeted');
  },
});
export const failing = defineAgent({
  name: 'failing',
  instructions: 'Greet whoever is named.',
  input: z.object({ name: z.string() }),
  tools: [greet],
});
`;

/** The model is told, and the run goes on. */
const STUMBLING = FAILING.replace("  onFailure: 'stop',\n", '')
  .replace('export const failing', 'export const stumbling')
  .replace("name: 'failing'", "name: 'stumbling'");

const answerSchema = z.object({
  data: z.object({
    result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
  }),
});
const alertsSchema = z.object({
  data: z.object({
    alerts: z.array(
      z.object({
        state: z.string(),
        labels: z.record(z.string(), z.string()),
        annotations: z.record(z.string(), z.string()),
      }),
    ),
  }),
});
const exemplarsSchema = z.object({
  data: z.array(z.object({ exemplars: z.array(z.object({ labels: z.record(z.string(), z.string()) })) })),
});

described(`Prometheus${hasPrometheus ? '' : ' (skipped: the program prometheus is not installed)'}`, () => {
  const project = scratchFolder();
  let dev: RunningProcess;
  let prometheus: ChildProcess;
  let url: string;

  beforeAll(async () => {
    writeFileSync(path.join(project, 'package.json'), '{"private":true}');
    expect((await cli(['init'], { cwd: project })).code).toBe(0);
    mkdirSync(path.join(project, 'agents/failing'), { recursive: true });
    writeFileSync(path.join(project, 'agents/failing/agent.ts'), FAILING);
    mkdirSync(path.join(project, 'agents/stumbling'), { recursive: true });
    writeFileSync(path.join(project, 'agents/stumbling/agent.ts'), STUMBLING);
    dev = await startCli(['dev', '--metrics-port', '0'], { cwd: project });
    await dev.saying(/^ready /m);
    const target = /^metrics {3}http:\/\/([^/\s]+)/m.exec(dev.stdout())?.[1] ?? '';
    const folder = path.join(project, '.prometheus');
    mkdirSync(folder);
    // Ours, with what takes minutes by design cut short: how long is the rule's own test's.
    const rules = readFileSync(path.join(TOP, 'infra/prometheus/rules.yml'), 'utf8').replaceAll(
      /^( +for: ).*$/gm,
      '$10s',
    );
    writeFileSync(path.join(folder, 'rules.yml'), rules);
    writeFileSync(
      path.join(folder, 'prometheus.yml'),
      `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [rules.yml]
scrape_configs:
  - { job_name: longhaul, static_configs: [{ targets: ['${target}'] }] }
`,
    );
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const options = [`--web.listen-address=127.0.0.1:${port}`, `--storage.tsdb.path=${folder}/data`];
    prometheus = spawn(
      'prometheus',
      [`--config.file=${folder}/prometheus.yml`, '--enable-feature=exemplar-storage', ...options],
      { stdio: 'ignore' },
    );
    await until('Prometheus', async () => (await fetch(`${url}/-/ready`).catch(() => undefined))?.ok === true, 60_000);
  }, 240_000);

  afterAll(async () => {
    prometheus.kill('SIGKILL');
    dev.kill('SIGTERM');
    await dev.ended;
    rmSync(path.join(project, '.prometheus'), { recursive: true, force: true });
  });

  const asked = async (query: string) => {
    const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(query)}`);
    return answerSchema.parse(await response.json()).data.result;
  };
  const run = (id: string, agent: string, input: string) =>
    cli(['run', agent, '--id', id, '--input', input], { cwd: project });

  test('it scrapes ours and those of the SDK, and what a run took is there by agent and release', async () => {
    expect((await run('said-1', 'hello', '{"name":"Ada"}')).code).toBe(0);
    await until('the run', async () => (await asked('agent_runs_ended_total{agent="hello"}')).length === 1);
    const [ended] = await asked('agent_runs_ended_total{agent="hello"}');
    expect(ended).toMatchObject({
      metric: { outcome: 'completed', failure: 'none' },
      value: [expect.any(Number), '1'],
    });
    expect(ended?.metric['release']).toMatch(/^[0-9a-f]{12}$/);
    expect((await asked('agent_run_turns_sum{agent="hello"}'))[0]?.value[1]).toBe('2');
    expect((await asked('agent_run_tool_calls_sum{agent="hello"}'))[0]?.value[1]).toBe('1');
    expect(await asked('sum by (operation) (temporal_request_total)')).not.toEqual([]);
    expect((await asked('min(agent_dependency_up)'))[0]?.value[1]).toBe('1');
    // Whose run it was is with the sample, and in no label.
    expect(Object.keys(ended?.metric ?? {}).sort()).toEqual([
      '__name__',
      'agent',
      'failure',
      'instance',
      'job',
      'outcome',
      'release',
    ]);
    const params = new URLSearchParams({ query: 'agent_runs_ended_total', start: '0', end: '4000000000' });
    const exemplars = exemplarsSchema.parse(
      await (await fetch(`${url}/api/v1/query_exemplars?${params.toString()}`)).json(),
    );
    const labels = exemplars.data.flatMap((series) => series.exemplars.map((one) => one.labels));
    expect(labels).toContainEqual({ tenant: 'default', run: 'said-1' });
  });

  const firing = async (name: string) => {
    const { alerts } = alertsSchema.parse(await (await fetch(`${url}/api/v1/alerts`)).json()).data;
    return alerts.find(({ state, labels }) => state === 'firing' && labels['alertname'] === name);
  };
  /** Nothing is known but what the alert says: its command, then the one that this prints of a run. */
  async function twoCommands(name: string, id: string): Promise<{ labels: unknown; next: string; shown: string }> {
    await until(name, async () => (await firing(name)) !== undefined, 60_000);
    const alert = await firing(name);
    const next = / Next: longhaul (.*)$/.exec(alert?.annotations['summary'] ?? '')?.[1] ?? '';
    const listed = await cli(next.split(' '), { cwd: project });
    expect(listed.stdout).toContain(id);
    const then = new RegExp(`^failed {2}${id}: .*: longhaul (show .*)$`, 'm').exec(listed.stderr)?.[1] ?? '';
    return { labels: alert?.labels, next, shown: (await cli(then.split(' '), { cwd: project })).stdout };
  }
  const request =
    /system\nGreet whoever is named\.[\s\S]*given\n── 1 user\n\{"name":"Ada"\}[\s\S]*answered\n── 2 assistant\n→ greet\(/;

  test('an agent whose runs fail makes an alert fire, and two commands from its text show the request of the call', async () => {
    for (let nth = 1; nth <= 6; nth += 1) {
      expect((await run(`fails-${nth}`, 'failing', '{"name":"Ada"}')).code).not.toBe(0);
      // The first is where the count begins: Prometheus must have seen it.
      if (nth === 1)
        await until('it', async () => (await asked('agent_runs_ended_total{agent="failing"}')).length === 1);
    }
    expect(await twoCommands('AgentRunsFail', 'fails-6')).toEqual({
      labels: expect.objectContaining({ agent: 'failing', failure: 'Tool.Rejected', severity: 'critical' }),
      next: 'list --agent failing --failure Tool.Rejected --since 2h',
      shown: expect.stringMatching(request),
    });
  });

  test('a tool whose calls fail, though the runs go on: the same', async () => {
    await run('trips-1', 'stumbling', '{"name":"Ada"}');
    const counted = 'agent_tool_call_duration_seconds_count{agent="stumbling"}';
    await until('it', async () => (await asked(counted)).length === 1);
    for (const batch of [
      ['trips-2', 'trips-3', 'trips-4'],
      ['trips-5', 'trips-6', 'trips-7'],
    ])
      await Promise.all(batch.map((id) => run(id, 'stumbling', '{"name":"Ada"}')));
    expect(await twoCommands('ToolFails', 'trips-7')).toEqual({
      labels: expect.objectContaining({ agent: 'stumbling', tool: 'greet', outcome: 'Tool.Rejected' }),
      next: 'list --agent stumbling --failure Tool.Rejected --since 2h',
      shown: expect.stringMatching(request),
    });
  });
});
