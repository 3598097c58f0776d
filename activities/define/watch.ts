import { z } from 'zod';
import { durationMs, type Duration } from './duration';
import { durationSchema } from './duration-schema';

/** Temporal counts in seconds, and each look is a workflow. */
const EVERY_LEAST_MS = 1_000;
const EVERY_MOST_MS = 24 * 3_600_000;
const every = durationSchema.refine(
  (value: Duration) => {
    const ms = durationMs(value, 'every');
    return ms >= EVERY_LEAST_MS && ms <= EVERY_MOST_MS;
  },
  { error: 'it is from "1s" to "24h"' },
);

/** How what agents do is compared with what they did. `false`: not at all. */
export const watchSchema = z.union(
  [
    z.literal(false),
    z.strictObject({
      /** Between two looks. @default '5m' */
      every: every.optional(),
      /** The chance that 100 runs of an agent that stays as it is have any finding. @default 0.01 */
      falseAlarms: z
        .number({ error: 'it is a number' })
        .min(0.000_001, 'it is at least 0.000001')
        .max(0.5, 'it is at most 0.5')
        .optional(),
      /** A run under way is found once it has taken so many times the tokens that its agent's runs usually take. @default 10 */
      tokensTimes: z
        .number({ error: 'it is a number' })
        .min(2, 'it is at least 2')
        .max(1_000, 'it is at most 1000')
        .optional(),
      /** Told of findings, signed by Standard Webhooks with the secret that this environment variable holds. */
      webhook: z.strictObject({ url: z.url({ protocol: /^https?$/ }), secretEnv: z.string().min(1) }).optional(),
    }),
  ],
  { error: 'it is { every, falseAlarms, tokensTimes, webhook }, or false' },
);
export type WatchConfig = z.output<typeof watchSchema>;
