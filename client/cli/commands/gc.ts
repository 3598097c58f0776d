// `longhaul gc`: frees what no run needs any more. To be run now and then, daily say; beside workers, as often as one likes.
import { collectGarbage, GRACE_MS } from '../../../activities/store/garbage/collect-garbage';
import type { ContentStore } from '../../../activities/store';
import { readThrough } from '../../../activities/store/read-through';
import { deleteLeftovers, leftoverNames } from '../erased-leftovers';
import { forgetRuns, type Forgotten } from '../forget-runs';
import { forgetSessions } from '../forget-sessions';
import { unsentMessages } from '../unsent-messages';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { counted, formatBytes } from '../../format';

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
  const forgotten = keep === undefined ? undefined : await forget(store, Date.now() - keep, dryRun);
  const unsent = await unsentMessages(
    store,
    Date.now() - GRACE_MS,
    async () => (await context.connectIfPossible())?.temporal,
  );
  // Before the mark, which would take for alive what they name.
  const without = new Set([
    ...(forgotten?.without ?? []),
    ...(dryRun ? [...unsent.names, ...(await leftoverNames(store))] : []),
  ]);
  if (!dryRun) {
    await deleteLeftovers(store);
    for (const name of unsent.names) await store.deleteRef(name);
  }
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
  const { runs, sessions, refs } = forgotten ?? {};
  output.json({
    ...{ dryRun, forgotten: forgotten ? { runs, sessions, refs } : null, unsent: unsent.names.length },
    ...{ expired, alive, freed, waiting, nextAt: next },
  });
  const would = dryRun ? 'would be ' : '';
  const sum = ({ objects, bytes }: { objects: number; bytes: number }): string =>
    `${counted(objects, 'object')}, ${formatBytes(bytes)}`;
  if (forgotten)
    output.line(
      `${would}forgotten  ${counted(forgotten.runs, 'run')}, ${counted(forgotten.sessions, 'retired session')}`,
    );
  if (unsent.names.length > 0)
    output.line(`${would}deleted  ${counted(unsent.names.length, 'message')} that never reached a session`);
  if (unsent.unknown > 0)
    output.line(`${counted(unsent.unknown, 'message')} may wait: their sessions could not be asked, so they stay`);
  if (expired > 0) output.line(`expired  ${counted(expired, 'record')}`);
  output.line(`${would}freed  ${sum(freed)}`);
  output.line(`in use  ${counted(alive, 'object')}`);
  const when = next === null ? `a gc notes them, and one ${GRACE} later frees them` : `freed by a gc from ${next} on`;
  if (waiting.objects > 0) output.line(`waiting  ${sum(waiting)}: nothing names them; ${when}`);
  return EXIT.completed;
}

async function forget(store: ContentStore, before: number, dryRun: boolean): Promise<Forgotten & { sessions: number }> {
  const runs = await forgetRuns(store, before, dryRun);
  const { sessions, names } = await forgetSessions(store, before, dryRun);
  for (const name of names) runs.without.add(name);
  return { ...runs, refs: runs.refs + names.length, sessions };
}
