// What a run has done to the world: one record for each action, found by the key that its tool is handed.
import { z } from 'zod';

export const effectRecordSchema = z.object({
  kind: z.literal('effect'),
  schemaVersion: z.literal(1),
  tool: z.string(),
  /**
   * Who acts, or has acted. Written before the tool runs, so what is claimed and not done has an outcome that nobody knows until it is
   * looked up. Absent where it is known that nothing happened: the next call may claim it.
   */
  claim: z
    .object({
      turn: z.number(),
      index: z.number(),
      attempt: z.number(),
      /** Identity of the worker. */
      worker: z.string(),
      /** Milliseconds since the epoch. */
      at: z.number(),
      /** The attempt has ended by then, whatever became of its worker: its own timer stops it. Milliseconds since the epoch. */
      until: z.number(),
    })
    .exactOptional(),
  /** Set once it is done: hash of the tool message that says what came of it. */
  done: z.object({ turn: z.number(), index: z.number(), at: z.number(), message: z.string() }).exactOptional(),
});
export type EffectRecord = z.output<typeof effectRecordSchema>;
