// A finding: that an agent behaves otherwise than it did, or one of its runs otherwise than the others. As a ref's value.
import { z } from 'zod';

const changed = {
  /** What is different: `tokens`, `completed`, `tool-failed:refund`, `run-tokens`, `loop-repeats`. */
  metric: z.string(),
  direction: z.enum(['up', 'down']),
  /** The median or the share before; of runs one by one what is usual. */
  before: z.number().exactOptional(),
  after: z.number(),
  /** How likely a difference as large this way is where nothing has changed. Of runs one by one absent. */
  chance: z.number().exactOptional(),
};

export const findingSchema = z.object({
  schemaVersion: z.literal(1),
  id: z.string(),
  agent: z.string(),
  release: z.string(),
  /** The release that it is compared with, where that is another. */
  against: z.string().exactOptional(),
  ...changed,
  /** A number of each run, a share of runs, or runs one by one. */
  of: z.enum(['number', 'share', 'run']),
  /** What else is different in the same runs, by what comes nearest to a cause: all of it is told once. */
  also: z.array(z.object({ ...changed, of: z.enum(['number', 'share']) })).exactOptional(),
  /** Runs on either side of the comparison. */
  compared: z.object({ window: z.number(), baseline: z.number() }).exactOptional(),
  /** In words, of a run that goes round in circles. */
  why: z.string().exactOptional(),
  /** Those that show it most; of runs one by one the first that did. */
  runs: z.array(z.object({ id: z.string(), tenant: z.string() })),
  /** When it was found, and when it was last seen: milliseconds since the epoch. */
  at: z.number(),
  seenAt: z.number(),
  /** Number of the release's newest run when it was found, and when it was last seen. */
  since: z.number().exactOptional(),
  upTo: z.number().exactOptional(),
  /** The webhook has been told, or was given up. */
  isTold: z.literal(true).exactOptional(),
});
export type Finding = z.output<typeof findingSchema>;
