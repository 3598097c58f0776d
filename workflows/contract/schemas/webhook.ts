// What is kept of a caller's webhook until all of it is told.
import { z } from 'zod';
import { WEBHOOK_EVENTS } from '../webhook';

export const webhookRecordSchema = z.object({
  schemaVersion: z.literal(1),
  run: z.string(),
  url: z.string(),
  events: z.array(z.enum(WEBHOOK_EVENTS)),
  /** Name of the API key whose secret signs. Absent: the one that the configuration has for all. */
  key: z.string().exactOptional(),
  /** Milliseconds since the epoch. */
  at: z.number(),
});
export type WebhookRecord = z.output<typeof webhookRecordSchema>;
