// What a scrape is answered with: our metrics and those of Temporal's Core in one text. As OpenMetrics where that is asked for, which can
// carry exemplars; else as plain text.
import type { Registry } from 'prom-client';

export interface ScrapedText {
  contentType: string;
  text: string;
}

export interface MetricsTextOptions {
  registry: Registry;
  /** `host:port` where Core serves its own. Absent where it does not. */
  coreMetricsAddress?: string;
}

const OPEN_METRICS = 'application/openmetrics-text';
const OPEN_METRICS_TYPE = `${OPEN_METRICS}; version=1.0.0; charset=utf-8`;
const PLAIN_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
/** Core answers from memory: one that does not within this time is left out rather than the rest held up. */
const CORE_MS = 1_000;
const ANYWHERE = /^(0\.0\.0\.0|\[::\])(?=:)/;

/** @param accept the request's header */
export async function metricsText(
  { registry, coreMetricsAddress }: MetricsTextOptions,
  accept = '',
): Promise<ScrapedText> {
  const core = coreMetricsAddress === undefined ? '' : await coreText(coreMetricsAddress);
  if (accept.includes(OPEN_METRICS))
    return { contentType: OPEN_METRICS_TYPE, text: `${await ours(registry, true)}${openMetricsOf(core)}# EOF\n` };
  return { contentType: PLAIN_TYPE, text: `${await ours(registry, false)}${core}` };
}

async function coreText(address: string): Promise<string> {
  try {
    const response = await fetch(`http://${address.replace(ANYWHERE, '127.0.0.1')}/metrics`, {
      signal: AbortSignal.timeout(CORE_MS),
    });
    return response.ok ? await response.text() : '';
  } catch {
    return '';
  }
}

/** What the library's types leave out of a value. */
interface Value {
  value: number;
  metricName?: string;
  labels: { [name: string]: string | number };
  exemplar?: { labelSet: { [name: string]: string }; value: number; timestamp: number } | null;
}

/**
 * The library writes one of the two, chosen when its metrics are made; and once it has written OpenMetrics, `_total` is gone from the names
 * of its counters. Its values are the same in both.
 */
async function ours(registry: Registry, isOpen: boolean): Promise<string> {
  const lines: string[] = [];
  for (const { name, help, type, values } of await registry.getMetricsAsJSON()) {
    const isCounter = (type as unknown) === 'counter';
    const bare = name.replace(/_total$/, '');
    const family = isCounter && !isOpen ? `${bare}_total` : isCounter ? bare : name;
    lines.push(`# HELP ${family} ${escaped(help)}`, `# TYPE ${family} ${String(type)}`);
    for (const { value, metricName = name, labels, exemplar } of values as Value[]) {
      const of = isCounter ? `${bare}_total` : metricName;
      const told = isOpen && exemplar ? ` # ${exemplarText(exemplar)}` : '';
      lines.push(`${of}${braced(labels)} ${numberText(value)}${told}`);
    }
  }
  return lines.map((line) => `${line}\n`).join('');
}

const exemplarText = ({ labelSet, value, timestamp }: NonNullable<Value['exemplar']>): string =>
  `${braced(labelSet)} ${numberText(value)} ${timestamp}`;

const braced = (labels: { [name: string]: string | number }): string => {
  const all = Object.entries(labels).map(
    ([name, value]) => `${name}="${escaped(String(value)).replaceAll('"', '\\"')}"`,
  );
  return all.length === 0 ? '' : `{${all.join(',')}}`;
};

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');

const numberText = (value: number): string =>
  Number.isNaN(value) ? 'NaN' : Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf';

/** Families of counters have no `_total` there. */
const openMetricsOf = (plain: string): string => {
  const counters = new Set(Array.from(plain.matchAll(/^# TYPE (\S+_total) counter$/gm), ([, name]) => name));
  return plain
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, head = '', name = '', rest = ''] = /^(# (?:TYPE|HELP) )(\S+)(.*)$/.exec(line) ?? [];
      return counters.has(name) ? `${head}${name.replace(/_total$/, '')}${rest}\n` : `${line}\n`;
    })
    .join('');
};
