// The settings of a queue as they come back from the store. Their version is that of their ref.
import { z } from 'zod';
import { count, partialLimitsSchema } from './run-limits';

export const publishedQueueSchema = z.object({
  depth: count,
  concurrency: count,
  ttlMs: z.number().positive().exactOptional(),
  weights: z.record(z.string(), z.number().positive()),
  shards: count,
  degrade: z.array(
    z.object({
      above: z.number(),
      limits: partialLimitsSchema.exactOptional(),
      route: z.array(z.string()).exactOptional(),
      sync: z.literal('async').exactOptional(),
    }),
  ),
});
export type PublishedQueue = z.output<typeof publishedQueueSchema>;
