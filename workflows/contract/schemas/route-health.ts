// What workers tell each other of a model and its provider, as the values of refs.
import { z } from 'zod';
import { count } from './run-limits';

export const routeHealthSchema = z.object({
  schemaVersion: z.literal(1),
  /** `provider/model` */
  route: z.string(),
  /** `cooling`: others are asked instead. `probing`: one call tries whether it is well again. */
  state: z.enum(['healthy', 'cooling', 'probing']),
  /** Calls in a row, of all workers, that failed or were slow. */
  bad: count,
  /** How often in a row it had to cool down: each time for longer. */
  trips: count,
  /** Milliseconds since the epoch: when the state began. */
  since: z.number(),
  /** When it may be tried again; of `probing`, when whoever tries is taken for dead. */
  until: z.number().exactOptional(),
  /** The failure's type, or `slow`. */
  why: z.string().exactOptional(),
  /** The worker that tries. */
  by: z.string().exactOptional(),
});
export type RouteHealth = z.output<typeof routeHealthSchema>;

/** What one worker has measured lately. */
export const routeSpeedSchema = z.object({
  schemaVersion: z.literal(1),
  route: z.string(),
  at: z.number(),
  answered: count,
  failed: count,
  slow: count,
  /** Calls by how long they took, in the buckets of activities/gateway/routing/latency.ts. */
  latency: z.array(z.tuple([count, count])),
  /** Learned, of calls that were not slow: milliseconds to the first token by size of the request, and of each further one. */
  usual: z.object({
    first: z.array(z.object({ size: count, ms: z.number(), calls: count })),
    perTokenMs: z.number().exactOptional(),
  }),
});
export type RouteSpeed = z.output<typeof routeSpeedSchema>;
