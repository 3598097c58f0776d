// Rollouts as the API shows, begins and steers them.
import { z } from 'zod';
import { DECISION_REASON_CHARS } from '../../workflows/contract/approval';
import { ROLLOUT_STICKY, WHEN_INCONCLUSIVE } from '../../workflows/contract/rollout';
import {
  rolloutEndSchema,
  rolloutLookSchema,
  rolloutPauseSchema,
  rolloutPolicySchema,
  rolloutWordSchema,
} from '../../workflows/contract/schemas/rollout';
import { METRIC_NAME } from '../rollout-policy';
import { agentNameShape, count, ms } from './shapes';

const share = z.number().min(0).max(1).describe('Of new runs.');

export const rolloutShape = z.object({
  id: z.string(),
  agent: z.string(),
  release: z.string().describe('The candidate.'),
  from: z.string().describe('The release that it is compared with.'),
  by: z.string(),
  why: z.string().exactOptional(),
  at: ms.describe('When its first step began: milliseconds since 1970.'),
  sticky: z.enum(ROLLOUT_STICKY),
  inconclusive: z.enum(WHEN_INCONCLUSIVE).describe('What becomes of it when its window ends without a verdict.'),
  steps: z.array(z.object({ share, at: ms })).describe('That have begun; the last is under way.'),
  looks: count,
  told: z.array(rolloutWordSchema).describe('What people said to it, oldest first.'),
  paused: rolloutPauseSchema.exactOptional(),
  ended: rolloutEndSchema.exactOptional(),
});
export type ShownRollout = z.output<typeof rolloutShape>;

export const rolloutsShape = z.object({ rollouts: z.array(rolloutShape).describe('Newest first.'), more: z.boolean() });

const { schemaVersion: _, ...look } = rolloutLookSchema.shape;
export const rolloutLookedShape = z.object({
  rollout: rolloutShape,
  policy: rolloutPolicySchema,
  looks: z.array(z.object(look)).describe('Oldest first. Of many the older ones are thinned out.'),
});

export const rolloutParamsShape = agentNameShape.extend({ id: z.string().min(1).max(100) });

const percents = z.array(z.number().min(0.01).max(100)).min(1).max(20);
export const beginRolloutShape = z.strictObject({
  release: z.string().min(1).max(64).describe('Its name, its hash or the beginning of it.'),
  steps: percents.exactOptional().describe('Rising shares of new runs in per cent. Left out: 1, 5, 25, 50, 100.'),
  units: z
    .array(z.number().int().min(1).max(1_000_000))
    .min(1)
    .max(20)
    .exactOptional()
    .describe('Of the candidate before the next step: one number, or one for each step below 100 %.'),
  sticky: z.enum(ROLLOUT_STICKY).exactOptional().describe('Left out: session.'),
  windowDays: z.number().gt(0).max(90).exactOptional().describe('Left out: 14.'),
  margins: z
    .record(
      z.string().max(80).regex(METRIC_NAME, 'success, tokens, cost, duration, tool-errors, anomalies or score:NAME'),
      z.number().gt(0).lt(10),
    )
    .exactOptional()
    .describe('By metric: so much worse is tolerated. A score is `score:NAME`.'),
  inconclusive: z.enum(WHEN_INCONCLUSIVE).exactOptional().describe('Left out: withdraw.'),
  everyMs: z
    .number()
    .int()
    .min(1_000)
    .max(3_600_000)
    .exactOptional()
    .describe('Between two looks, at least. Left out: 30,000.'),
  withoutTools: z.boolean().exactOptional().describe('Begin although open sessions have tools that the release lacks.'),
  why: z.string().max(DECISION_REASON_CHARS).exactOptional(),
});

export const saidToRolloutShape = z.strictObject({ why: z.string().max(DECISION_REASON_CHARS).exactOptional() });
export const promotedRolloutShape = z.strictObject({ why: z.string().min(1).max(DECISION_REASON_CHARS) });
