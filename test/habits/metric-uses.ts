// Which metrics and labels our code and Temporal's Core export, and which of them an expression of PromQL uses.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { deploymentMetrics } from '../../workers/deployment-metrics';
import { queueMetrics } from '../../workers/queue-metrics';
import { stateMetrics } from '../../workers/state-metrics';
import { createMetrics } from '../../workers/telemetry';

/** Labels of each series by its name, as a query names it. */
export type Exported = ReadonlyMap<string, ReadonlySet<string>>;

/** What Prometheus adds to each series that it scrapes. */
const OF_A_SCRAPE = ['instance', 'job'];

interface Described {
  name: string;
  type: string;
  labelNames: readonly string[];
}

function isDescribed(metric: unknown): metric is Described {
  return typeof metric === 'object' && metric !== null && 'name' in metric && 'labelNames' in metric;
}

function addSeries(to: Map<string, Set<string>>, name: string, labels: readonly string[]): void {
  const known = to.get(name) ?? new Set(OF_A_SCRAPE);
  for (const label of labels) known.add(label);
  to.set(name, known);
}

/** Of a worker that serves runs, from its registry; nothing is asked of anybody for it. */
export function ourMetrics(): Map<string, Set<string>> {
  const { registry } = createMetrics();
  const never = (): Promise<never> => Promise.reject(new Error('not asked for'));
  queueMetrics(registry, { queues: [], backlogOf: never, load: () => undefined });
  stateMetrics(registry, {
    approvals: never,
    rollouts: never,
    queues: never,
    quotas: never,
    temporal: never,
    store: never,
  });
  deploymentMetrics(registry, { deployment: never });
  const found = new Map<string, Set<string>>();
  for (const metric of registry.getMetricsAsArray() as unknown[]) {
    if (!isDescribed(metric)) throw new Error('a metric of another form');
    const { name, labelNames } = metric;
    const isHistogram = 'upperBounds' in metric;
    if (!isHistogram) addSeries(found, name, labelNames);
    for (const part of isHistogram ? ['_sum', '_count'] : []) addSeries(found, name + part, labelNames);
    if (isHistogram) addSeries(found, `${name}_bucket`, [...labelNames, 'le']);
  }
  return found;
}

/** Of a recorded scrape: workers that ran agents, and then lost their server. */
export function coreMetrics(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const text = readFileSync(path.join(__dirname, 'core-metrics.txt'), 'utf8');
  for (const [, name = '', labels = ''] of text.matchAll(/^(temporal_\w+)(?:\{([^}]*)\})? /gm))
    addSeries(
      found,
      name,
      Array.from(labels.matchAll(/(\w+)="/g), ([, label = '']) => label),
    );
  return found;
}

export interface Use {
  metric: string;
  labels: string[];
}

const WORD = /^[a-zA-Z_]\w*/;

/** Metrics with the labels that their own braces name or that they are grouped by, and labels by which two sides are matched. */
export function usesOf(expr: string): { metrics: Use[]; matched: string[] } {
  const plain = expr.replaceAll(/"[^"]*"|'[^']*'/g, '""');
  const listed = (text: string): string[] => text.split(',').flatMap((label) => WORD.exec(label.trim())?.[0] ?? []);
  const metrics: Use[] = [];
  // No label begins as a metric does. What is grouped is the next one behind the list.
  let grouped: string[] = [];
  for (const [, by, metric, inner = ''] of plain.matchAll(
    /\b(?:by|without)\s*\(([^)]*)\)|\b((?:agent|temporal)_\w+)\b(?:\{([^}]*)\})?/g,
  )) {
    if (by !== undefined) grouped.push(...listed(by));
    if (metric === undefined) continue;
    metrics.push({ metric, labels: [...new Set([...grouped, ...listed(inner)])] });
    grouped = [];
  }
  const matched = Array.from(
    plain.matchAll(/\b(?:on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g),
    ([, list = '']) => list,
  ).flatMap(listed);
  return { metrics, matched: [...new Set(matched)] };
}

/** What is wrong with an expression, in words; empty where everything that it uses is there. */
export function wrongUses(expr: string, exported: Exported): string[] {
  const { metrics, matched } = usesOf(expr);
  if (metrics.length === 0) return [`uses no metric of ours: ${expr}`];
  const wrong = metrics.flatMap(({ metric, labels }) => {
    const known = exported.get(metric);
    if (!known) return [`there is no ${metric}`];
    return labels.filter((label) => !known.has(label)).map((label) => `${metric} has no label ${label}`);
  });
  const lacking = matched
    .filter((label) => !metrics.some(({ metric }) => exported.get(metric)?.has(label)))
    .map((label) => `nothing has the label ${label}`);
  return [...new Set([...wrong, ...lacking])];
}
