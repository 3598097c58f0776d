// Releases of an agent and its traffic, as the API shows and changes them.
import { z } from 'zod';
import { DECISION_REASON_CHARS } from '../../workflows/contract/approval';
import { READS_OF_SHADOWS } from '../../workflows/contract/schemas/shadow';
import { STICKY, TRAFFIC_CHANGES, WHOLE_SHARE } from '../../workflows/contract/schemas/traffic';
import { count, ms } from './shapes';

const nullable = z.string().nullable();

export const agentReleasesShape = z.object({
  agent: z.string(),
  managed: z.boolean().describe('Which release new runs take is said by command; otherwise its workers say it.'),
  releases: z.array(
    z.object({
      release: z.string(),
      name: nullable,
      note: nullable,
      releasedAt: ms.nullable().describe('Null of one that nobody released by command.'),
      by: nullable,
      share: z.number().min(0).max(1).describe('Of new runs.'),
      isWithdrawn: z.boolean(),
      runs: z
        .object({ open: count, all: count })
        .exactOptional()
        .describe("Of all tenants: left out for a key of some tenants' alone."),
      workers: count.describe('Those that live and have its code.'),
    }),
  ),
});

const candidateShape = z.object({
  release: z.string(),
  share: z.number().int().min(0).max(WHOLE_SHARE).describe('Of new runs, in hundredths of a per cent.'),
  rollout: z.string(),
  sticky: z.enum(STICKY),
});
const shadowingShape = z
  .object({
    release: z.string(),
    share: z.number().int().min(1).max(WHOLE_SHARE).describe('Of new runs, in hundredths of a per cent.'),
    id: z.string(),
    sticky: z.enum(STICKY),
    reads: z.enum(READS_OF_SHADOWS),
    floor: z.boolean().describe("Whether each run's own release shadows it too."),
    atOnce: count,
    nanoUsdADay: z.number().exactOptional(),
    tokensADay: z.number().exactOptional(),
  })
  .describe('By what a share of the runs is shadowed.');
const stateShape = z.object({
  release: z.string(),
  candidate: candidateShape.exactOptional(),
  shadow: shadowingShape.exactOptional(),
});
export const trafficChangeShape = z.object({
  epoch: count.describe('Its number.'),
  at: ms,
  by: z.string(),
  why: z.string().exactOptional(),
  change: z.enum(TRAFFIC_CHANGES),
  before: stateShape.exactOptional(),
  after: stateShape,
  signature: z.string().exactOptional(),
});
export const trafficShape = z.object({
  agent: z.string(),
  managed: z.boolean(),
  now: stateShape,
  changes: z.array(trafficChangeShape).describe('Newest first.'),
  more: z.boolean().describe('There are older ones.'),
});

export const rollbackShape = z.strictObject({
  to: z
    .string()
    .min(1)
    .max(64)
    .exactOptional()
    .describe(
      'A name, a hash or the beginning of one. Left out: from the candidate of a rollout, or else to the release before.',
    ),
  why: z.string().max(DECISION_REASON_CHARS).exactOptional(),
  running: z
    .enum(['finish', 'cancel', 'move'])
    .exactOptional()
    .describe(
      'What becomes of open runs that took it. Left out: they finish. `move`: they go on with the release gone back to, from their next turn on, where they fit it.',
    ),
});
export const rolledBackShape = z.object({
  agent: z.string(),
  release: z.string().describe('What new runs take, as it was read back.'),
  withdrawn: z.array(z.string()),
  change: trafficChangeShape,
  open: count.describe('Runs of what was withdrawn that have not ended yet.'),
  moved: z
    .object({ moved: z.array(z.string()), stayed: z.array(z.object({ run: z.string(), why: z.string() })) })
    .exactOptional()
    .describe('Of `running: move`: runs that go on with that release, and those that go on as they are.'),
  cancelled: z
    .object({ asked: z.array(z.string()), failed: z.array(z.object({ run: z.string(), why: z.string() })) })
    .exactOptional(),
  workers: count.describe('Those that live and have the code of what new runs take.'),
});
