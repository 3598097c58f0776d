// `longhaul cancel`, `pause` and `resume`: asks a run, and says so. What comes of it is seen with `tail` or `show`.
import { ClientError } from '../../errors';
import type { RunHandle } from '../../run-handle';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { reachRun } from '../reach-run';

export interface ReasonOptions {
  reason?: string;
}

export const cancelCommand = (context: CliContext, given: string, { reason }: ReasonOptions): Promise<number> =>
  intervene(context, given, 'cancel', 'cancelled: calls under way are stopped', (run) => run.cancel(reason), reason);

export const pauseCommand = (context: CliContext, given: string, { reason }: ReasonOptions): Promise<number> =>
  intervene(
    context,
    given,
    'pause',
    'paused: calls under way finish, nothing new is begun',
    (run) => run.pause(reason),
    reason,
  );

export const resumeCommand = (context: CliContext, given: string): Promise<number> =>
  intervene(context, given, 'resume', 'resumed', (run) => run.resume());

async function intervene(
  context: CliContext,
  given: string,
  asked: 'cancel' | 'pause' | 'resume',
  says: string,
  act: (run: RunHandle<unknown>) => Promise<void>,
  reason?: string,
): Promise<number> {
  const { output } = context;
  const { id, record, connect } = await reachRun(context, given);
  if (record?.ended) throw new ClientError('refused', `run ${id} has ended already: ${record.ended.outcome}.`);
  const { client } = await connect();
  await act(client.run(id));
  output.json({ id, asked, reason: reason ?? null });
  output.line(`${id}  ${says}${reason === undefined ? '' : ` (${output.safeLine(reason)})`}`);
  return EXIT.completed;
}
