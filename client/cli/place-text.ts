// Where a run stands in its queue, in words.
import type { QueuePlace, WaitRange } from '../../workflows/contract/queue';
import { formatAge } from './output';

export function placeText({ position, wait, degraded }: QueuePlace): string {
  const less = degraded ? '; so many wait that runs are given less' : '';
  return `place ${position}, ${wait ? waitText(wait) : 'nobody knows yet how long it will take'}${less}`;
}

/** Most waits end within it, and not all: so it is no promise. */
export function waitText({ fromMs, toMs }: WaitRange): string {
  if (toMs <= SOON_MS) return 'begins at once';
  const unit = toMs < MINUTE_MS ? SECOND_MS : toMs < HOUR_MS ? MINUTE_MS : HOUR_MS;
  const to = formatAge(Math.ceil(toMs / unit) * unit);
  return fromMs < SECOND_MS
    ? `begins within ${to}, most likely`
    : `begins in ${formatAge(fromMs)} to ${to}, most likely`;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** What a run that finds a place is told. */
const SOON_MS = 2_000;
