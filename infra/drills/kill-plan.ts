// Where a drill kills, chosen by a seed: the same seed kills in the same places.
import { createHash } from 'node:crypto';
import type { Failpoint } from '../../activities/deps';
import type { CourierRound } from './courier-round';

export const PHASES = [
  'model.before',
  'model.during',
  'model.answered',
  'tool.before',
  'tool.during',
  'tool.after',
  'store.before-put',
  'store.after-put',
  'between turns',
] as const satisfies readonly (Failpoint | 'between turns')[];
export type Phase = (typeof PHASES)[number];

export type Kill =
  /** The nth time that the process comes by this place; between turns, after it has stored the last tool call of so many turns. */
  { phase: Phase; nth: number; jitterMs: number } | OutsideKill;

/** When the outside has seen so many different calls of the run, and a while later. */
export interface OutsideKill {
  phase: 'outside';
  calls: number;
  jitterMs: number;
}

/** Long enough for a worker to do a few steps more, where nothing holds it. */
const JITTER_MS = 40;

/** One kill, anywhere in the round. */
export function seededKill(phase: Phase, seed: number, round: CourierRound): Kill {
  const models = round.calls.filter(({ kind }) => kind === 'model').length;
  const tools = round.calls.length - models;
  const most: Record<Phase, number> = {
    'model.before': models,
    'model.during': models,
    'model.answered': models,
    'tool.before': tools,
    'tool.during': tools,
    'tool.after': tools,
    'store.before-put': models + tools,
    'store.after-put': models + tools,
    // The last turn has no tools.
    'between turns': models - 1,
  };
  return killAt(phase, 1 + chosen(most[phase], `${seed} ${phase} nth`), seed);
}

/**
 * A kill in every phase, one after the other, within one run: each start is killed but the last. The order keeps lost
 * attempts of one tool call below its limit.
 */
export function killInEveryPhase(seed: number): Kill[] {
  const order: Phase[] = [
    'model.before',
    'tool.before',
    'store.before-put',
    'model.during',
    'tool.during',
    'store.after-put',
    'model.answered',
    'tool.after',
    'between turns',
  ];
  return order.map((phase) => killAt(phase, phase.startsWith('model') ? 1 + chosen(2, `${seed} ${phase}`) : 1, seed));
}

const killAt = (phase: Phase, nth: number, seed: number): Kill => ({
  phase,
  nth,
  jitterMs: chosen(JITTER_MS, `${seed} ${phase} jitter`),
});

/** From 0 up to below `below`. */
function chosen(below: number, from: string): number {
  return createHash('sha256').update(from).digest().readUInt32BE(0) % below;
}
