import { z } from 'zod';
import type { Cost, SpentDetails } from '../cost';
import { usageSchema } from './message';

export const costSchema: z.ZodType<Cost> = z.object({
  nanoUsd: z.number().int().nonnegative(),
  unknown: z.number().positive().exactOptional(),
});

export const spentSchema: z.ZodType<SpentDetails> = z.object({
  spent: usageSchema,
  cost: costSchema.exactOptional(),
});
