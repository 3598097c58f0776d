// A run of a session that is not wanted any more, and may still wait for a place in its queue.
import { setTimeout as pause } from 'node:timers/promises';
import type { WithdrawSessionRunInput } from '../../workflows/contract/session';
import type { ControlDeps } from './control-deps';

/** From its place in the queue to its workflow. */
const STARTING_MS = 5_000;
const LOOK_MS = 100;

/** Repeating it answers alike, or finds the run's end told by then. */
export async function withdrawSessionRun(
  { executions, now }: Pick<ControlDeps, 'executions' | 'now'>,
  { run, queue, reason }: WithdrawSessionRunInput,
): Promise<boolean> {
  const answer = await executions.withdraw(queue, { run, failure: { type: 'Run.Cancelled', message: reason } });
  if (answer === 'withdrawn') return true;
  // It is being started at this moment: whoever signals it before that is not heard.
  for (const until = now() + STARTING_MS; (await executions.endOf(run)) === 'unknown' && now() < until;)
    await pause(LOOK_MS);
  return false;
}
