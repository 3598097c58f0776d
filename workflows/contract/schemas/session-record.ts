// The record of a session, as a ref's value: what there is to know of it without its workflow, and where the next one begins.
import { z } from 'zod';
import { ON_BUSY } from '../session';

export const sessionPlanSchema = z.object({
  onBusy: z.enum(ON_BUSY),
  mailbox: z.number(),
  idleMs: z.number(),
});

export const sessionRecordSchema = z.object({
  schemaVersion: z.literal(1),
  id: z.string(),
  agent: z.string(),
  tenant: z.string(),
  /** `asleep`: nothing was said for its idle time, and the next message begins it again. `retired`: it takes none any more. */
  status: z.enum(['open', 'asleep', 'retired']),
  plan: sessionPlanSchema,
  /** It names the whole conversation, so nothing of that is garbage. */
  head: z.string().nullable(),
  length: z.number(),
  answered: z.number(),
  /** When this was written: milliseconds since the epoch. */
  at: z.number(),
  /** That its newest run began with. Absent where none has since there was this. */
  release: z.string().exactOptional(),
  /** Set where that run did not take what new runs took: which that was, and what of the conversation does not fit it. */
  stays: z.object({ insteadOf: z.string(), why: z.array(z.string()) }).exactOptional(),
  /** Of the newest rollout that it has had a message in: whether its runs count there. */
  trial: z.object({ rollout: z.string(), counts: z.boolean() }).exactOptional(),
});
export type SessionRecord = z.output<typeof sessionRecordSchema>;

/** Somebody keeps a session at a release. Beside its record, which the session alone writes. */
export const sessionHoldSchema = z.object({
  schemaVersion: z.literal(1),
  session: z.string(),
  agent: z.string(),
  release: z.string(),
  why: z.string(),
  by: z.string(),
  at: z.number(),
});
export type SessionHold = z.output<typeof sessionHoldSchema>;
