// `longhaul gc`: frees what no run needs any more. To be run now and then, daily say; beside workers, as often as one likes.
import { collectGarbage, GRACE_MS } from '../../../activities/store/garbage/collect-garbage';
import { readThrough } from '../../../activities/store/read-through';
import { deleteLeftovers, leftoverNames } from '../erased-leftovers';
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
const GRACE = `${GRACE_MS / 3_600_000} hours`;

export async function gcCommand(context: CliContext, { dryRun = false, keep }: GcOptions): Promise<number> {
  const { output } = context;
  const store = context.readStore();
  // Of a store that is damaged nothing is forgotten either.
  if (keep !== undefined) await readThrough(store);
  const forgotten = keep === undefined ? undefined : await forgetRuns(store, Date.now() - keep, dryRun);
  // Before the mark, which would take for alive what they name.
  const without = new Set([...(forgotten?.without ?? []), ...(dryRun ? await leftoverNames(store) : [])]);
  if (!dryRun) await deleteLeftovers(store);
  let noted = Date.now();
  const { expired, alive, freed, waiting, nextAt } = await collectGarbage(store, {
    dryRun,
    without,
    onMarked: (objects) => {
      if (Date.now() - noted < NOTE_EVERY_MS) return;
      noted = Date.now();
      output.note(`${counted(objects, 'object')} in use so far`);
    },
  });
  const next = nextAt === undefined ? null : new Date(nextAt).toISOString();
  const { runs, refs } = forgotten ?? {};
  output.json({ dryRun, forgotten: forgotten ? { runs, refs } : null, expired, alive, freed, waiting, nextAt: next });
  const would = dryRun ? 'would be ' : '';
  const sum = ({ objects, bytes }: { objects: number; bytes: number }): string =>
    `${counted(objects, 'object')}, ${formatBytes(bytes)}`;
  if (forgotten) output.line(`${would}forgotten  ${counted(forgotten.runs, 'run')}`);
  if (expired > 0) output.line(`expired  ${counted(expired, 'record')}`);
  output.line(`${would}freed  ${sum(freed)}`);
  output.line(`in use  ${counted(alive, 'object')}`);
  const when = next === null ? `a gc notes them, and one ${GRACE} later frees them` : `freed by a gc from ${next} on`;
  if (waiting.objects > 0) output.line(`waiting  ${sum(waiting)}: nothing names them; ${when}`);
  return EXIT.completed;
}
