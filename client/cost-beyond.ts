// What of a cost others do not account for.
import type { Cost } from '../workflows/contract/cost';
import { PART_LEAST } from './format';

/** Never less than nothing: parts may have been counted that the whole does not have. */
export function costBeyond(cost: Cost, told: Cost | undefined): Cost {
  const unknown = Math.max(0, (cost.unknown ?? 0) - (told?.unknown ?? 0));
  const nanoUsd = Math.max(0, cost.nanoUsd - (told?.nanoUsd ?? 0));
  return { nanoUsd, ...(unknown < PART_LEAST ? {} : { unknown }) };
}
