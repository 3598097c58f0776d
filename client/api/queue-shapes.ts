// Queues as the API shows them.
import { z } from 'zod';
import { PRIORITIES } from '../../workflows/contract/quota';
import { count, degradedShape, ms, waitShape } from './shapes';

export const queueNameShape = z.strictObject({ name: z.string().min(1) });

export const queueShape = z.object({
  name: z.string(),
  depth: count.describe('Runs that wait, at most.'),
  concurrency: count.describe('Runs that have begun and not ended, at most.'),
  ttlMs: count.exactOptional().describe('A run that has waited for so many milliseconds is ended.'),
  waiting: count,
  running: count,
  oldestAt: ms.exactOptional().describe('When the run began to wait that has waited longest.'),
  serviceMs: z.number().exactOptional().describe('Mean time that a run has its place, of those that ended lately.'),
  wait: waitShape
    .exactOptional()
    .describe('What a run that came now would wait, in milliseconds. Absent where nobody knows yet.'),
  degraded: degradedShape.exactOptional(),
  tenants: z
    .array(z.object({ tenant: z.string(), priority: z.enum(PRIORITIES), waiting: count }))
    .describe('Of those that the key is for.'),
  counts: z
    .object({
      ...{ accepted: count, refused: count, begun: count, expired: count, withdrawn: count, degraded: count },
      within: count.describe('Of `told` waits, those that were as it had been said.'),
      told: count,
    })
    .describe('Since the queue began.'),
});
export type ShownQueue = z.output<typeof queueShape>;
export const queuesShape = z.object({ queues: z.array(queueShape) });
