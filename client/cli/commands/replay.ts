// `longhaul replay`: a gate before a deploy. Histories of the namespace are gone through with this installation's code, and each that it would
// have made otherwise is told, with the first place where.
import { createReplay, quietReplays } from '../../../workers/replay-runs';
import { orchestrationHash, ownBuildId } from '../../../workers/orchestration-code';
import { messageOf } from '../../../infra/temporal/error-reason';
import { sampleHistories, type SampledExecution } from '../../sample-histories';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';

export interface ReplayOptions {
  sample: number;
  agent?: string;
  /** Milliseconds. */
  since?: number;
}

interface Differing extends SampledExecution {
  differs: string;
}

/** @returns EXIT.failed where one does not replay, or could not be read */
export async function replayCommand(context: CliContext, { sample, agent, since }: ReplayOptions): Promise<number> {
  const { output, settings } = context;
  const { temporal, taskQueue, close } = await context.connect();
  try {
    const found = await sampleHistories({
      ...{ temporal, taskQueue, sample },
      ...(agent === undefined ? {} : { agent }),
      ...(since === undefined ? {} : { since: Date.now() - since }),
    });
    quietReplays();
    const replay = await createReplay(settings.keys);
    const differing: Differing[] = [];
    const unread: { id: string; why: string }[] = [];
    for (const [nth, one] of found.entries()) {
      output.wait(`replaying ${nth + 1} of ${found.length}`);
      const handle = temporal.workflow.getHandle(one.id, one.runId);
      // One whose retention has ended in between is no fault of the code.
      const history = await handle.fetchHistory().catch((error: unknown) => {
        unread.push({ id: one.id, why: messageOf(error) });
        return undefined;
      });
      const differs = history && (await replay(history, one.id));
      if (differs !== undefined) differing.push({ ...one, differs });
    }
    const open = found.filter(({ isOpen }) => isOpen).length;
    const replayed = found.length - differing.length - unread.length;
    output.json({
      ...{ build: await ownBuildId(), code: await orchestrationHash(), sampled: found.length, open, replayed },
      ...{ differing, unread },
    });
    for (const { id, isOpen, type, differs } of differing)
      output.line(output.safeLine(`differs  ${id} (${type}${isOpen ? ', open' : ''}): ${differs}`));
    for (const { id, why } of unread) output.note(output.safeLine(`unread   ${id}: ${why}`));
    output.line(
      found.length === 0
        ? 'no history to replay: nothing of this task queue was found'
        : `${replayed} of ${found.length} histories replay on this code (${open} are of what is open)`,
    );
    if (differing.some(({ isOpen }) => isOpen))
      output.note(
        'open runs that differ go on with the code that began them: keep its workers, as build of a deployment (longhaul worker --deployment)',
      );
    return differing.length + unread.length > 0 ? EXIT.failed : EXIT.completed;
  } finally {
    await close();
  }
}
