import { z } from 'zod';
import { durationSchema } from './duration-schema';

const count = z.number({ error: 'it is a number' }).int('it is a whole number').positive('it is above zero');

const limits = z.strictObject({
  requestsPerMinute: count.optional(),
  requestsPerDay: count.optional(),
  /** Input and output together. */
  tokensPerMinute: count.optional(),
  tokensPerDay: count.optional(),
  inputTokensPerMinute: count.optional(),
  outputTokensPerMinute: count.optional(),
  usdPerDay: z.number().positive('it is above zero').optional(),
  /** Requests under way at once. */
  concurrency: count.optional(),
});

const LIMITS = Object.keys(limits.shape);

/** Limits of one model under one key. */
export const quotaSchema = limits
  .extend({
    /** A request that would wait for longer is shed, with `Model.QuotaShed`. @default '10m' */
    patience: durationSchema.optional(),
    /**
     * Of output tokens before they are known. `strict`: the request's own cap, so that no limit is ever passed. `learned`: what 95 of 100
     * answers of the release stayed within, or another part of them. @default 'learned'
     */
    reserve: z
      .union(
        [
          z.enum(['strict', 'learned']),
          z.strictObject({ quantile: z.number().min(0.5, 'it is at least 0.5').max(1, 'it is at most 1') }),
        ],
        { error: 'it is "strict", "learned" or { quantile: 0.95 }, of 0.5 to 1' },
      )
      .optional(),
    /** Within how long the provider counts where it allows no bursts: requests are spread as evenly. @default '1s' */
    burst: durationSchema.optional(),
    /** Of tenants near a limit, by name. @default 1 each */
    weights: z.record(z.string(), z.number().positive('it is above zero')).optional(),
  })
  .superRefine((quota, context) => {
    const refuse = (at: string, message: string): void => context.addIssue({ code: 'custom', path: [at], message });
    if (LIMITS.every((name) => Reflect.get(quota, name) === undefined))
      context.addIssue({ code: 'custom', message: `it names no limit: give one of ${LIMITS.join(', ')}` });
    const { requestsPerMinute, requestsPerDay, tokensPerMinute, tokensPerDay } = quota;
    if ((requestsPerDay ?? Infinity) < (requestsPerMinute ?? 0))
      refuse('requestsPerDay', `it is below requestsPerMinute (${requestsPerMinute})`);
    if ((tokensPerDay ?? Infinity) < (tokensPerMinute ?? 0))
      refuse('tokensPerDay', `it is below tokensPerMinute (${tokensPerMinute})`);
    for (const name of ['inputTokensPerMinute', 'outputTokensPerMinute'] as const)
      if ((tokensPerMinute ?? Infinity) < (quota[name] ?? 0))
        refuse('tokensPerMinute', `it is below ${name} (${quota[name]}), which it includes`);
  });

export type QuotaConfig = z.output<typeof quotaSchema>;
