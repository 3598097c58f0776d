// Said when `dev` comes up: of the runs that it found unfinished, those that today's code would not have brought where they are. They stand
// still until that is mended, and nothing else names the change that did it.
import { createReplay } from '../../workers/replay-runs';
import type { CliContext } from './context';
import type { Host } from './host';

/** Each takes the processor a second or less, beside what it serves. */
const MOST = 20;

export async function noteUnreplayable(
  { output, settings }: Pick<CliContext, 'output' | 'settings'>,
  { temporal, unfinished }: Pick<Host, 'temporal' | 'unfinished'>,
  signal?: AbortSignal,
): Promise<void> {
  if (unfinished.length === 0) return;
  const replay = await createReplay(settings.keys);
  for (const { record } of unfinished.slice(0, MOST)) {
    if (signal?.aborted) return;
    const history = await temporal.workflow
      .getHandle(record.id)
      .fetchHistory()
      .catch(() => undefined);
    const differs = history && (await replay(history, record.id));
    if (differs !== undefined)
      output.note(
        output.safeLine(
          `stands still  ${record.id}: this version decides otherwise than the one that began it: ${differs}. ` +
            'It goes on with the version before, or once this one is mended',
        ),
      );
  }
}
