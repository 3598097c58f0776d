// What a store keeps of one question: that somebody asks it, or what was answered. As a ref's value, without content: messages by hash.
import { z } from 'zod';
import { usageSchema } from './message';

const open = {
  schemaVersion: z.literal(1),
  /** How many have asked in a row without an answer that may be shared. */
  misses: z.number(),
};

export const cachedAnswerSchema = z.discriminatedUnion('state', [
  z.object({
    state: z.literal('asking'),
    ...open,
    /** Tells one claim from another, also of the same worker. */
    claim: z.string(),
    worker: z.string(),
    /** Id of the run that asks. */
    run: z.string(),
    /** How often the claim was renewed: its age by the clock of the one who asks. */
    renewals: z.number(),
    /** Milliseconds between two renewals. */
    everyMs: z.number(),
  }),
  z.object({ state: z.literal('open'), ...open }),
  z.object({
    state: z.literal('answered'),
    schemaVersion: z.literal(1),
    /** Id of the run that was answered. */
    run: z.string(),
    /** Milliseconds since the epoch, by the clock of its worker. */
    at: z.number(),
    /** Hash of the answer. */
    message: z.string(),
    finish: z.enum(['stop', 'tool-calls']),
    usage: usageSchema,
    /** As `provider/model`, and as the provider names it. */
    route: z.string(),
    model: z.string(),
    raw: z.string(),
    rawForm: z.string().exactOptional(),
    request: z.object({ sha256: z.string(), bytes: z.number() }),
    requestId: z.string().exactOptional(),
    /** Names the question to the byte, where near ones are answered alike. */
    exact: z.string().exactOptional(),
  }),
]);
export type CachedAnswer = z.output<typeof cachedAnswerSchema>;
