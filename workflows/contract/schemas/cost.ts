import { z } from 'zod';
import type { Cost, SpentDetails } from '../cost';
import { usageSchema } from './message';

export const costSchema: z.ZodType<Cost> = z.object({
  nanoUsd: z.number().int().nonnegative(),
  unknown: z.number().positive().exactOptional(),
});

const askedInVainSchema = z.object({
  model: z.string(),
  requests: z.number().nonnegative(),
  spent: usageSchema,
  cost: costSchema.exactOptional(),
  answered: z.literal(true).exactOptional(),
});

export const spentSchema: z.ZodType<SpentDetails> = z.object({
  spent: usageSchema,
  cost: costSchema.exactOptional(),
  by: z.array(askedInVainSchema).exactOptional(),
});
