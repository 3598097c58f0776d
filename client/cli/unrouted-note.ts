// Said at a start that would wait for a deploy step and not for a worker: whoever looks for workers finds them up.
import { unroutedNow } from '../deployments';
import type { CliContext, Connected } from './context';

/** The start counts, whatever keeps this from being known. */
export async function noteUnrouted(
  { output }: CliContext,
  { temporal, taskQueue }: Pick<Connected, 'temporal' | 'taskQueue'>,
): Promise<void> {
  const unrouted = await unroutedNow({ temporal, taskQueue }).catch(() => undefined);
  if (unrouted) output.note(`it waits: ${unrouted.why}. ${unrouted.mend}`);
}
