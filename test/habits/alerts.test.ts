// Needs: nothing but the tree; promtool and amtool, where they are. Each rule of Prometheus has a test that it fires and one that it does
// not, a section of a runbook, and uses what is exported; so do the panels of Grafana.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { coreMetrics, ourMetrics, wrongUses } from './metric-uses';
import { readTracked, TOP, trackedFiles } from './tracked-files';

const rulesSchema = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          alert: z.string(),
          expr: z.string(),
          labels: z.object({ severity: z.enum(['critical', 'warning']) }),
          annotations: z.object({ summary: z.string(), runbook: z.string() }),
        }),
      ),
    }),
  ),
});
const testsSchema = z.object({
  tests: z.array(
    z.object({
      alert_rule_test: z.array(z.object({ alertname: z.string(), exp_alerts: z.array(z.unknown()) })),
    }),
  ),
});
const boardSchema = z.object({
  panels: z.array(
    z.object({
      title: z.string(),
      targets: z.array(z.object({ expr: z.string(), legendFormat: z.string() })).exactOptional(),
    }),
  ),
});

const rules = rulesSchema
  .parse(parse(readTracked('infra/prometheus/rules.yml')))
  .groups.flatMap((group) => group.rules);
const TEST_FOLDER = 'infra/prometheus/tests';
const testFiles = readdirSync(path.join(TOP, TEST_FOLDER)).map((file) => `${TEST_FOLDER}/${file}`);
const tested = testFiles.flatMap((file) =>
  testsSchema.parse(parse(readTracked(file))).tests.flatMap((one) => one.alert_rule_test),
);
const BOARD_FOLDER = 'infra/grafana/dashboards';
const boards = readdirSync(path.join(TOP, BOARD_FOLDER));
const panelsOf = (board: string) =>
  boardSchema
    .parse(JSON.parse(readTracked(`${BOARD_FOLDER}/${board}`)))
    .panels.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })));
const exported = new Map([...ourMetrics(), ...coreMetrics()]);

/** Whether it runs, and what it says. Absent programs fail in CI, where nothing may lack. */
function check(program: string, args: readonly string[]): void {
  const { error, status, stdout, stderr } = spawnSync(program, args, { cwd: TOP, encoding: 'utf8' });
  if (error && !process.env['CI']) console.log(`${program} is not installed: nothing was checked with it`);
  else expect({ error, status, said: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, said: '' });
}

test.each(rules)('$alert has a test that it fires, and one that it does not', ({ alert }) => {
  const own = tested.filter(({ alertname }) => alertname === alert);
  expect({
    fires: own.some((one) => one.exp_alerts.length > 0),
    doesNot: own.some((one) => one.exp_alerts.length === 0),
  }).toEqual({ fires: true, doesNot: true });
});

test.each(rules)('$alert has a section of a runbook: what to look at, what to do, whom to wake', (rule) => {
  const [file = '', anchor] = rule.annotations.runbook.split('#');
  expect(anchor).toBe(rule.alert.toLowerCase());
  const section = readTracked(file)
    .split(/^## /m)
    .find((one) => one.split('\n')[0]?.toLowerCase() === anchor);
  expect(section).toMatch(/^- Look: .*`[\s\S]*^- Do: [\s\S]*^- (Wake|Nobody)/m);
});

test('each section of a runbook is of a rule', () => {
  const files = trackedFiles().filter((file) => /^infra\/runbooks\/.*\.md$/.test(file));
  const sections = files.flatMap((file) => Array.from(readTracked(file).matchAll(/^## (.*)$/gm), ([, name]) => name));
  expect([...sections].sort()).toEqual(rules.map(({ alert }) => alert).sort());
});

test.each(rules)('$alert uses what is exported, and says which command comes next', (rule) => {
  expect(wrongUses(rule.expr, exported)).toEqual([]);
  expect(rule.annotations.summary).toMatch(/ Next: longhaul [a-z]+/);
});

test('an expression with a metric or a label that is not there is found', () => {
  expect(wrongUses('sum by (agent) (rate(agent_runs_gone_total[5m])) > 0', exported)).toEqual([
    'there is no agent_runs_gone_total',
  ]);
  expect(wrongUses('rate(agent_runs_ended_total{tenant="a"}[5m])', exported)).toEqual([
    'agent_runs_ended_total has no label tenant',
  ]);
  expect(wrongUses('sum by (agent, user) (agent_approvals_waiting)', exported)).toEqual([
    'agent_approvals_waiting has no label user',
  ]);
});

test('promtool: rules, their tests and the sample configuration', () => {
  check('promtool', ['check', 'rules', 'infra/prometheus/rules.yml']);
  check('promtool', ['test', 'rules', ...testFiles]);
  check('promtool', ['check', 'config', 'infra/prometheus/prometheus.yml']);
  check('amtool', ['check-config', 'infra/prometheus/alertmanager.yml']);
}, 300_000);

describe.each(boards)('dashboard %s', (board) => {
  test.each(panelsOf(board))('$title: $expr', ({ expr, legendFormat }) => {
    expect(wrongUses(expr, exported)).toEqual([]);
    const named = Array.from(legendFormat.matchAll(/\{\{(\w+)\}\}/g), ([, label = '']) => label);
    for (const label of named) expect(expr).toMatch(new RegExp(`by \\([^)]*\\b${label}\\b`));
  });

  test('its expressions are read by promtool', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'longhaul-panels-'));
    try {
      const file = path.join(folder, 'panels.yml');
      const named = panelsOf(board).map(({ expr }, nth) => ({
        record: `panel:${nth}`,
        expr: expr.replaceAll('$__rate_interval', '5m'),
      }));
      writeFileSync(file, stringify({ groups: [{ name: 'panels', rules: named }] }));
      check('promtool', ['check', 'rules', file]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
