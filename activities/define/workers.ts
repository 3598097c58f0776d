import { z } from 'zod';
import { durationSchema } from './duration-schema';

const count = z.number({ error: 'it is a number' }).int('it is a whole number').positive('it is above zero');
const share = z.number({ error: 'it is a number' }).gt(0, 'it is above 0').max(1, 'it is at most 1');

/** Of every worker process of the project. */
export const workersSchema = z.strictObject({
  /**
   * What a worker that is told to stop gives its calls under way to finish; those that have not are stopped, and another worker makes them
   * again. Below what the platform waits before it kills: 30 s in Kubernetes. @default '10s'
   */
  drain: durationSchema.optional(),
  /**
   * How much a worker does at once: a number of calls and of steps of runs; or as much as keeps this machine below these shares of its memory
   * and its processors. @default { calls: 100, steps: 40 }
   */
  slots: z
    .strictObject({
      calls: count.exactOptional(),
      steps: count.min(2, 'it is at least 2').exactOptional(),
      memory: share.exactOptional(),
      cpu: share.exactOptional(),
    })
    .superRefine(({ calls, steps, memory, cpu }, context) => {
      const refuse = (message: string): void => context.addIssue({ code: 'custom', message });
      const isByMachine = memory !== undefined || cpu !== undefined;
      if (isByMachine && (memory === undefined || cpu === undefined)) refuse('memory and cpu are given together');
      if (isByMachine && (calls !== undefined || steps !== undefined))
        refuse('it is { calls, steps }, or { memory, cpu }: not both');
    })
    .optional(),
});

export type WorkersConfig = z.output<typeof workersSchema>;
