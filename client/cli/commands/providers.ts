// `longhaul providers`: the models that can be asked, and how workers have found them lately; needs no server.
import { describeLimits } from '../../../activities/gateway/quota/describe-limit';
import { isDue } from '../../../activities/gateway/routing/health-rules';
import { mergedBuckets, quantileMs } from '../../../activities/gateway/routing/latency';
import { allRefs, type ContentStore } from '../../../activities/store';
import { HEALTH_PREFIX } from '../../../activities/store/ref-names';
import {
  routeHealthSchema,
  routeSpeedSchema,
  type RouteHealth,
  type RouteSpeed,
} from '../../../workflows/contract/schemas/route-health';
import type { Settings } from '../../../workers/config';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { formatDuration } from '../../format';
import type { Output } from '../output';

interface ListedModel {
  /** `provider/model` */
  model: string;
  api: string | null;
  /** Aliases whose route it stands in. */
  aliases: string[];
  /** `due`: its pause is over, and the next call tries it. `unused`: no worker has asked it lately. */
  state: RouteHealth['state'] | 'due' | 'unused';
  /** Milliseconds since the epoch: when it may be tried again, where others are asked instead. */
  until: number | null;
  why: string | null;
  calls: number;
  failed: number;
  slow: number;
  p50Ms: number | null;
  p95Ms: number | null;
  quota: Settings['quotas'][string] | null;
}

export async function providersCommand(context: CliContext): Promise<number> {
  const { output, settings } = context;
  const known = await knownOf(context.readStore());
  const configured = Object.values(settings.models).flat();
  const names = [...new Set([...configured, ...known.keys()])];
  const models = names.map((name) => listed(settings, name, known.get(name)));
  output.json({ models });
  output.table(models, [
    { title: 'model', value: ({ model }) => output.safeLine(model) },
    { title: 'alias', value: ({ aliases }) => aliases.join(', ') },
    { title: 'api', value: ({ api }) => api ?? '' },
    { title: 'state', value: (model) => stateText(output, model) },
    { title: 'calls', value: ({ calls }) => String(calls) },
    { title: 'failed', value: ({ failed }) => String(failed) },
    { title: 'slow', value: ({ slow }) => String(slow) },
    { title: 'p50', value: ({ p50Ms }) => timeText(p50Ms) },
    { title: 'p95', value: ({ p95Ms }) => timeText(p95Ms) },
    { title: 'quota', value: ({ quota }) => quotaText(quota) },
  ]);
  return EXIT.completed;
}

interface Known {
  health?: RouteHealth;
  speeds: RouteSpeed[];
}

/** By model; what cannot be read is of another version, and left out. */
async function knownOf(store: ContentStore): Promise<Map<string, Known>> {
  const known = new Map<string, Known>();
  const of = (route: string): Known => {
    const one = known.get(route) ?? { speeds: [] };
    known.set(route, one);
    return one;
  };
  for (const { name, value } of await allRefs(store, HEALTH_PREFIX)) {
    if (name.endsWith('/state')) {
      const health = routeHealthSchema.safeParse(value);
      if (health.success) of(health.data.route).health = health.data;
    } else {
      const speed = routeSpeedSchema.safeParse(value);
      if (speed.success) of(speed.data.route).speeds.push(speed.data);
    }
  }
  return known;
}

function listed({ models, providers, quotas }: Settings, model: string, known: Known | undefined): ListedModel {
  const { health, speeds = [] } = known ?? {};
  const total = (count: (speed: RouteSpeed) => number): number => speeds.reduce((sum, one) => sum + count(one), 0);
  const latency = mergedBuckets(speeds.map((speed) => speed.latency));
  const isAside = health !== undefined && health.state !== 'healthy';
  return {
    model,
    api: providers.find(({ name }) => name === model.slice(0, model.indexOf('/')))?.api ?? null,
    aliases: Object.keys(models).filter((alias) => models[alias]?.includes(model)),
    state: stateOf(health, speeds.length > 0),
    until: isAside ? (health.until ?? null) : null,
    why: isAside ? (health.why ?? null) : null,
    calls: total(({ answered, failed }) => answered + failed),
    failed: total(({ failed }) => failed),
    slow: total(({ slow }) => slow),
    p50Ms: quantileMs(latency, 0.5) ?? null,
    p95Ms: quantileMs(latency, 0.95) ?? null,
    quota: quotas[model] ?? null,
  };
}

function stateOf(health: RouteHealth | undefined, isUsed: boolean): ListedModel['state'] {
  if (!health) return isUsed ? 'healthy' : 'unused';
  return isDue(health, Date.now()) ? 'due' : health.state;
}

function stateText({ colors, safeLine }: Output, { state, until, why }: ListedModel): string {
  if (state === 'healthy' || state === 'unused') return state;
  const after = why === null ? '' : safeLine(why);
  if (state === 'due') return colors.yellow(`the next call tries it${after === '' ? '' : `, after ${after}`}`);
  const left = state === 'cooling' && until !== null ? ` for ${formatDuration(until - Date.now())}` : '';
  return colors.yellow(`${state}${left}${after === '' ? '' : `: ${after}`}`);
}

const timeText = (ms: number | null): string => (ms === null ? '' : formatDuration(ms));

function quotaText(quota: ListedModel['quota']): string {
  if (!quota) return '';
  const { limits, reserve, patienceMs, weights } = quota;
  const shares = Object.entries(weights).map(([tenant, weight]) => `${tenant} ${weight}`);
  return [
    describeLimits(limits),
    reserve.kind === 'strict' ? 'reserve strict' : `reserve learned, ${Number((reserve.quantile * 100).toFixed(2))} %`,
    `patience ${formatDuration(patienceMs)}`,
    ...(shares.length === 0 ? [] : [`weights ${shares.join(', ')}`]),
  ].join('; ');
}
