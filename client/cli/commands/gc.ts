// `longhaul gc`: frees what no run needs any more. To be run now and then, daily say; beside workers, as often as one likes.
import { collectGarbage } from '../../../activities/store/garbage/collect-garbage';
import { deleteLeftovers } from '../erased-leftovers';
import { forgetRuns } from '../forget-runs';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { counted, formatBytes } from '../format';

export interface GcOptions {
  dryRun?: boolean;
  /** Milliseconds. */
  keep?: number;
}

const NOTE_EVERY_MS = 1_000;

export async function gcCommand(context: CliContext, { dryRun = false, keep }: GcOptions): Promise<number> {
  const { output } = context;
  const store = context.readStore();
  const forgotten = keep === undefined ? undefined : await forgetRuns(store, Date.now() - keep, dryRun);
  // Before the mark, which would take for alive what they name.
  if (!dryRun) await deleteLeftovers(store);
  let noted = Date.now();
  const { alive, freed, waiting, nextAt } = await collectGarbage(store, {
    dryRun,
    onMarked: (objects) => {
      if (Date.now() - noted < NOTE_EVERY_MS) return;
      noted = Date.now();
      output.note(`${counted(objects, 'object')} in use so far`);
    },
  });
  const next = new Date(nextAt).toISOString();
  output.json({ dryRun, forgotten: forgotten ?? null, alive, freed, waiting, nextAt: next });
  const would = dryRun ? 'would be ' : '';
  const sum = ({ objects, bytes }: { objects: number; bytes: number }): string =>
    `${counted(objects, 'object')}, ${formatBytes(bytes)}`;
  if (forgotten) output.line(`${would}forgotten  ${counted(forgotten.runs, 'run')}`);
  output.line(`${would}freed  ${sum(freed)}`);
  output.line(`in use  ${counted(alive, 'object')}`);
  if (waiting.objects > 0) output.line(`waiting  ${sum(waiting)}: nothing names them; freed by a gc from ${next} on`);
  return EXIT.completed;
}
