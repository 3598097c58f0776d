import { z } from 'zod';

/** Of something that there may be none of. */
export const count = z.number().int().nonnegative();

/** As a plan says them, and as they were at the end of a run. */
export const runLimitsSchema = z.object({
  turns: count,
  toolCalls: count,
  tokens: count.exactOptional(),
  modelCalls: count.exactOptional(),
  nanoUsd: count.exactOptional(),
  wallMs: z.number().exactOptional(),
});

/** Some of them. */
export const partialLimitsSchema = z.object({
  turns: count.exactOptional(),
  toolCalls: count.exactOptional(),
  tokens: count.exactOptional(),
  modelCalls: count.exactOptional(),
  nanoUsd: count.exactOptional(),
  wallMs: z.number().exactOptional(),
});
