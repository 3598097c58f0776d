// A rollout, and each look at one, as refs' values: kept after Temporal has forgotten its workflow.
import { z } from 'zod';
import { ROLLOUT_ACTS, ROLLOUT_STICKY, WHEN_INCONCLUSIVE, type RolloutKept } from '../rollout';

const share = z.number().min(0).max(1);
const chance = z.number().gt(0).max(1);

export const metricPolicySchema = z.object({
  name: z.string(),
  kind: z.enum(['share', 'ratio', 'level']),
  better: z.enum(['higher', 'lower']),
  margin: z.number().positive(),
  weight: z.number().positive(),
  mustBeFine: z.boolean(),
});

export const rolloutPolicySchema = z.object({
  metrics: z.array(metricPolicySchema),
  steps: z.array(z.object({ share, units: z.number().int().min(0) })),
  falseAlarms: chance,
  falseFines: chance,
  windowDays: z.number().positive(),
});

const word = { by: z.string(), why: z.string(), at: z.number() };

export const rolloutPauseSchema = z.object({
  because: z.enum(['person', 'arms', 'finding', 'window', 'unseen', 'traffic']),
  ...word,
});
export const rolloutEndSchema = z.object({
  as: z.enum(['promoted', 'withdrawn', 'superseded', 'refused']),
  because: z.enum(['worse', 'fine', 'inconclusive', 'person', 'changed']),
  ...word,
});
export const rolloutWordSchema = z.object({
  act: z.enum(ROLLOUT_ACTS),
  by: z.string(),
  why: z.string().exactOptional(),
  at: z.number(),
  isLate: z.literal(true).exactOptional(),
});

export const rolloutRecordSchema: z.ZodType<RolloutKept> = z.object({
  schemaVersion: z.literal(1),
  id: z.string(),
  agent: z.string(),
  from: z.string(),
  release: z.string(),
  by: z.string(),
  why: z.string().exactOptional(),
  sticky: z.enum(ROLLOUT_STICKY),
  policy: rolloutPolicySchema,
  inconclusive: z.enum(WHEN_INCONCLUSIVE),
  everyMs: z.number(),
  at: z.number(),
  steps: z.array(z.object({ share, at: z.number() })),
  looks: z.number(),
  told: z.array(rolloutWordSchema),
  changes: z.number(),
  paused: rolloutPauseSchema.exactOptional(),
  ended: rolloutEndSchema.exactOptional(),
});

const armFigures = z.object({ units: z.number(), mean: z.number().exactOptional() });

export const metricVerdictSchema = z.object({
  metric: z.string(),
  verdict: z.enum(['worse', 'fine', 'open']),
  current: armFigures,
  candidate: armFigures,
  /** By which the candidate is worse, on the scale of comparison; absent while nothing can be compared. */
  harm: z.number().exactOptional(),
  bounds: z.object({ atLeast: z.number().exactOptional(), atMost: z.number().exactOptional() }),
  alpha: z.number(),
});

export const rolloutLookSchema = z.object({
  schemaVersion: z.literal(1),
  number: z.number(),
  at: z.number(),
  /** From 0. */
  step: z.number(),
  decision: z.enum(['withdraw', 'pause', 'advance', 'promote', 'inconclusive', 'wait']),
  /** Of either arm: those that have ended and count. */
  runs: z.object({ current: z.number(), candidate: z.number() }),
  /** That are under way. */
  open: z.number(),
  exposure: z.number(),
  exposureNeeded: z.number(),
  balance: z.object({
    isOff: z.boolean(),
    evidence: z.number(),
    candidate: z.number(),
    expected: z.number(),
    units: z.number(),
  }),
  verdicts: z.array(metricVerdictSchema),
  headline: z.string(),
  /** A line a metric, those that are worse first. */
  lines: z.array(z.string()),
  /** Of the watch, about the candidate. */
  finding: z.string().exactOptional(),
  tookMs: z.number(),
});
export type KeptLook = z.output<typeof rolloutLookSchema>;
