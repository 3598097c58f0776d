// How long the runtime waits between the attempts of a call, unless the failure says otherwise. Times are milliseconds.
import { DEFAULT_TOOL_BACKOFF } from '../contract/limits';

export interface Backoff {
  initialInterval: number;
  backoffCoefficient: number;
  maximumInterval: number;
}

/** A provider that is down comes back in seconds or in minutes: five waits of 1, 2, 4, 8 and 16 s cover the first. */
export const MODEL_BACKOFF: Backoff = { initialInterval: 1_000, backoffCoefficient: 2, maximumInterval: 30_000 };
/** Of attempts whose worker could not say how long to wait; any other says it with its failure. */
export const TOOL_BACKOFF: Backoff = {
  initialInterval: DEFAULT_TOOL_BACKOFF.firstMs,
  backoffCoefficient: DEFAULT_TOOL_BACKOFF.factor,
  maximumInterval: DEFAULT_TOOL_BACKOFF.mostMs,
};
/** The end of a run must be recorded however long the store is away, so this one goes with any number of attempts. */
export const RECORD_BACKOFF: Backoff = { initialInterval: 500, backoffCoefficient: 2, maximumInterval: 60_000 };
/** Of what comes back by itself, after the attempts of a call are spent: the history grows by a dozen events with each. */
const AWAY_BACKOFF: Backoff = { initialInterval: 5_000, backoffCoefficient: 2, maximumInterval: 120_000 };

/** @param round from 1 */
export const awayDelayMs = (round: number): number =>
  Math.min(AWAY_BACKOFF.maximumInterval, AWAY_BACKOFF.initialInterval * AWAY_BACKOFF.backoffCoefficient ** (round - 1));
