// Shadows of runs, as the store keeps what is asked of them and what they have used.
import { z } from 'zod';

/**
 * Where the tools of a shadow that only read get their answers: from what the run that it shadows was told; or, where that was told nothing
 * of the same tool and arguments, by really running.
 */
export const READS_OF_SHADOWS = ['recorded', 'run'] as const;
export type ReadsOfShadows = (typeof READS_OF_SHADOWS)[number];

/** A run that is to be shadowed, from when it is asked for until its shadow has begun. */
export const wantedShadowSchema = z.object({
  schemaVersion: z.literal(1),
  /** Id of the run. */
  run: z.string(),
  agent: z.string(),
  /** Hash of the one that its shadow runs. */
  release: z.string(),
  /** Milliseconds since the epoch. */
  at: z.number(),
  /** Of the agent's traffic, see Shadowing. Absent where a person has asked for this run. */
  id: z.string().exactOptional(),
  by: z.string().exactOptional(),
  reads: z.enum(READS_OF_SHADOWS).exactOptional(),
});
export type WantedShadow = z.output<typeof wantedShadowSchema>;

/** Why a wanted shadow was not begun. */
export const DROPPED_SHADOWS = ['budget', 'stopped', 'late', 'unstartable'] as const;
export type DroppedShadow = (typeof DROPPED_SHADOWS)[number];

const counted = z.number().int().min(0);

/** Of one agent: written by compare-and-set, so that of two workers one begins a shadow. */
export const shadowStateSchema = z.object({
  schemaVersion: z.literal(1),
  agent: z.string(),
  /** The day (UTC) that `nanoUsd` and `tokens` are of. */
  day: z.string(),
  nanoUsd: z.number(),
  tokens: z.number(),
  /** Ever. */
  begun: counted,
  dropped: z.record(z.enum(DROPPED_SHADOWS), counted),
  /** Why the newest was not begun, where it was more than a lack of room. */
  lastProblem: z.string().exactOptional(),
  /** Why those that are wanted now wait, where it is not for a place. */
  heldBack: z.string().exactOptional(),
  /** Under way, with what their runs had used: as much is expected of them. */
  open: z.array(
    z.object({
      id: z.string(),
      run: z.string(),
      release: z.string(),
      at: z.number(),
      nanoUsd: z.number(),
      tokens: z.number(),
    }),
  ),
});
export type ShadowState = z.output<typeof shadowStateSchema>;
