// Of one metric: what speaks against a harm, and between which bounds the harm is.
import { levelEvidence, welchOf } from './level-evidence';
import { marginOf, type MetricPolicy } from './policy';
import { shareEvidence, type Side } from './share-evidence';
import type { Compared } from './strata';

/** The logarithm of the evidence that the harm is more (`above`) or less (`below`) than `delta`; 0 says nothing. */
export type EvidenceAt = (delta: number, side: Side) => number;

export function evidenceIn(compared: readonly Compared[], { kind }: MetricPolicy): EvidenceAt {
  if (kind === 'share') return (delta, side) => shareEvidence(compared, delta, side);
  const welch = welchOf(compared);
  return (delta, side) => (welch ? levelEvidence(welch, delta, side) : 0);
}

export interface Bounds {
  /** The harm is at least so much; undefined: nothing is known. */
  atLeast: number | undefined;
  atMost: number | undefined;
}

/** Halvings of what is between a bound that is refuted and one that is not. */
const ROUNDS = 12;

/**
 * A confidence sequence by inversion: each harm that is not refuted is possible. That it ever leaves the true one out on its lower side has a chance
 * of `alphaLow`, on the upper one of `alphaHigh`.
 * @param estimate where nothing is refuted
 */
export function boundsOf(
  evidenceAt: EvidenceAt,
  metric: MetricPolicy,
  { estimate, alphaLow, alphaHigh }: { estimate: number; alphaLow: number; alphaHigh: number },
): Bounds {
  const bound = (side: Side, alpha: number): number | undefined => {
    const isRefuted = (delta: number): boolean => evidenceAt(delta, side) >= -Math.log(alpha);
    const away = side === 'above' ? -1 : 1;
    // Shares differ by 1 at most; of the others, farther and farther, until it is too far to be told.
    let reach = metric.kind === 'share' ? 1 - away * estimate : 2 * marginOf(metric);
    const far = (): number => estimate + away * reach;
    for (let round = 0; metric.kind !== 'share' && round < ROUNDS && !isRefuted(far()); round += 1) reach *= 2;
    if (metric.kind !== 'share' && !isRefuted(far())) return undefined;
    let [refuted, possible] = [far(), estimate];
    for (let round = 0; round < ROUNDS; round += 1) {
      const middle = (refuted + possible) / 2;
      if (isRefuted(middle)) refuted = middle;
      else possible = middle;
    }
    return refuted;
  };
  return { atLeast: bound('above', alphaLow), atMost: bound('below', alphaHigh) };
}
