// The queues of a configuration, as workers publish them.
import { durationMs } from '../activities/define/duration';
import { QUEUE_CONCURRENCY, QUEUE_DEPTH, type QueueConfig } from '../activities/define/queue';
import type { ResolvedConfig } from '../activities/define/config';
import type { PublishedQueue } from '../workflows/contract/schemas/queue';
import { ConfigError } from './config-error';
import type { Setting } from './describe-settings';
import { modelRoute, type RouteSettings } from './model-settings';

export type QueuesByName = { readonly [name: string]: PublishedQueue };

/** @throws ConfigError where a step of degradation names a model that is none */
export const queueSettings = (
  { queues }: Pick<ResolvedConfig, 'queues'>,
  configName: string,
  models: RouteSettings,
): QueuesByName =>
  Object.fromEntries(
    Object.entries(queues).map(([name, queue]) => [
      name,
      settingsOf(queue, (model, step) => {
        try {
          return modelRoute(models, model);
        } catch (error) {
          const why = error instanceof Error ? error.message : String(error);
          throw new ConfigError(`${configName}: queues.${name}.degrade.${step}.model: ${why}`, { cause: error });
        }
      }),
    ]),
  );

const settingsOf = (
  { depth, concurrency, ttl, weights = {}, shards = 1, degrade = [] }: QueueConfig,
  routeOf: (model: string, step: number) => string[],
): PublishedQueue => ({
  depth: depth ?? QUEUE_DEPTH,
  concurrency: concurrency ?? QUEUE_CONCURRENCY,
  ...(ttl === undefined ? {} : { ttlMs: durationMs(ttl, 'ttl') }),
  ...{ weights, shards },
  degrade: degrade.map(({ above, limits, model, sync }, step) => ({
    above,
    ...(limits ? { limits } : {}),
    ...(model === undefined ? {} : { route: routeOf(model, step) }),
    ...(sync ? { sync } : {}),
  })),
});

export const describeQueues = (queues: QueuesByName, source: string): Setting[] =>
  Object.entries(queues).map(([name, { depth, concurrency, ttlMs, shards, degrade }]) => ({
    what: `queue ${name}`,
    value: [
      `${depth} may wait`,
      `${concurrency} at once`,
      ...(ttlMs === undefined ? [] : [`for at most ${ttlMs / 1_000} s`]),
      ...(shards === 1 ? [] : [`${shards} shards`]),
      ...(degrade.length === 0
        ? []
        : [`less above ${degrade.map(({ above }) => `${Math.round(above * 100)} %`).join(', ')}`]),
    ].join(', '),
    source,
  }));
