import { z } from 'zod';
import type { RunLimits } from '../../workflows/contract/run';
import { checkedLimits, type AgentLimits } from './agent-limits';
import { durationMs, type Duration } from './duration';

/** A queue carries what it knows of each run that waits, from one history to the next: two megabytes are Temporal's limit. */
const DEPTH_MOST = 4_000;
/** Each is a workflow of its own, that workers keep in memory. */
const SHARDS_MOST = 64;

const count = z.number({ error: 'it is a number' }).int('it is a whole number').positive('it is above zero');

const part = z
  .number({ error: 'it is a part of the depth, such as 0.7' })
  .min(0, 'it is a part of the depth, of 0 to 1')
  .lt(1, 'it is a part of the depth, below 1: a full queue takes no more runs');

const limits = z.custom<AgentLimits>().transform((given, context): Partial<RunLimits> => {
  try {
    return checkedLimits(given, 'degrade');
  } catch (error) {
    const message = error instanceof Error ? error.message.replace(/^degrade: /, '') : String(error);
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  }
});

const degradeStep = z
  .strictObject({
    above: part,
    /** The smaller of these and of the agent's own hold. */
    limits: limits.optional(),
    /** Asked instead of the agent's own: an alias, or `provider/model`. */
    model: z.string().optional(),
    /** Runs of agents with `mode: 'sync'` are handed over as jobs. */
    sync: z.literal('async', { error: "it is 'async'" }).optional(),
  })
  .refine((step) => step.limits !== undefined || step.model !== undefined || step.sync !== undefined, {
    error: "it changes nothing: give limits, model or sync: 'async'",
  });

export const queueSchema = z
  .strictObject({
    /** Runs that wait, at most: the next one is refused, with `Queue.Full`. @default 1000 */
    depth: count.optional(),
    /** Runs under way at once, those included that wait for a person. @default 50 */
    concurrency: count.optional(),
    /** A run that has waited for so long is ended, with `Queue.Expired`. @default runs wait for as long as it takes */
    ttl: z
      .custom<Duration>(isDuration, { error: 'it is more than zero: milliseconds, or text such as "1h"' })
      .optional(),
    /** Of tenants, by name: who has 2 begins twice as many runs as who has 1, while both wait. @default 1 each */
    weights: z.record(z.string().min(1), z.number().positive('it is above zero')).optional(),
    /** Workflows that share depth and concurrency, and take some hundred runs a second each. @default 1 */
    shards: count.max(SHARDS_MOST, `it is at most ${SHARDS_MOST}`).optional(),
    /** What load takes from runs, by how full the queue is when they begin. @default nothing */
    degrade: z.array(degradeStep).optional(),
  })
  .superRefine(({ depth = QUEUE_DEPTH, concurrency = QUEUE_CONCURRENCY, shards = 1, degrade = [] }, context) => {
    const refuse = (path: (string | number)[], message: string): void =>
      context.addIssue({ code: 'custom', path, message });
    if (shards > Math.min(depth, concurrency))
      refuse(
        ['shards'],
        `each has a part of depth (${depth}) and concurrency (${concurrency}): it is at most the smaller`,
      );
    if (depth > shards * DEPTH_MOST)
      refuse(['depth'], `it is at most ${DEPTH_MOST} for each of its shards (${shards}): give it more of them`);
    degrade.forEach(({ above }, nth) => {
      const before = degrade[nth - 1];
      if (before && above <= before.above)
        refuse(['degrade', nth, 'above'], `it is above that of the step before (${before.above})`);
    });
  });

export const QUEUE_DEPTH = 1_000;
export const QUEUE_CONCURRENCY = 50;

export type QueueConfig = z.output<typeof queueSchema>;

function isDuration(value: unknown): boolean {
  try {
    durationMs(value as Duration, 'ttl');
    return typeof value === 'number' || typeof value === 'string';
  } catch {
    return false;
  }
}

/** It is part of a workflow's id, and read in lines. */
export const QUEUE_NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;

/** Takes the runs of agents that name none. */
export const DEFAULT_QUEUE = 'default';

export const queuesSchema = z.record(z.string(), queueSchema).superRefine((queues, context) => {
  for (const name of Object.keys(queues))
    if (!QUEUE_NAME.test(name)) {
      const message = 'a queue has a name of a to z, 0 to 9 and -, at most 64 characters';
      context.addIssue({ code: 'custom', path: [name], message });
    }
});
