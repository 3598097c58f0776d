// `longhaul cancel`, `pause` and `resume`: asks a run, and says so. What comes of it is seen with `tail` or `show`.
import type { RunHandle } from '../../run-handle';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { reachOpenRun } from '../reach-run';

export interface ReasonOptions {
  reason?: string;
}

export const cancelCommand = (context: CliContext, given: string, { reason }: ReasonOptions): Promise<number> =>
  intervene(
    context,
    given,
    'cancel',
    'cancelled: calls under way are stopped',
    async (run) => (await run.cancel(reason)).reasonKept,
    reason,
  );

export const pauseCommand = (context: CliContext, given: string, { reason }: ReasonOptions): Promise<number> =>
  intervene(
    context,
    given,
    'pause',
    'paused: calls under way finish, nothing new is begun',
    async (run) => {
      await run.pause(reason);
      return reason !== undefined;
    },
    reason,
  );

export const resumeCommand = (context: CliContext, given: string): Promise<number> =>
  intervene(context, given, 'resume', 'resumed', async (run) => {
    await run.resume();
    return false;
  });

async function intervene(
  context: CliContext,
  given: string,
  asked: 'cancel' | 'pause' | 'resume',
  says: string,
  /** @returns whether the reason was kept */
  act: (run: RunHandle<unknown>) => Promise<boolean>,
  reason?: string,
): Promise<number> {
  const { output } = context;
  const { id, run } = await reachOpenRun(context, given);
  const kept = (await act(run)) ? reason : undefined;
  output.json({ id, asked, reason: kept ?? null });
  output.line(`${id}  ${says}${kept === undefined ? '' : ` (${output.safeLine(kept)})`}`);
  if (kept !== reason)
    output.note('no worker answered, so the reason is not kept; the run ends when the next one comes');
  return EXIT.completed;
}
