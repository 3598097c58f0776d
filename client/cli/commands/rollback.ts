// `longhaul rollback AGENT`: new runs take an earlier release at once. The store alone is needed; what is under way is ended only where that is
// asked for, which needs Temporal.
import type { RefusedTraffic } from '../../../activities/store/next-traffic';
import { ClientError } from '../../errors';
import { counted, formatDuration } from '../../format';
import { moveToRelease, type MovedToRelease } from '../../move-releases';
import { supportOf, supportProblems, supportText } from '../../release-support';
import { cancelRunsOn, openRunsOn, rollBack, type Cancelled, type RolledBack } from '../../roll-back';
import { readManifest, releaseNames, type KnownRelease } from '../../releases';
import { requireReason } from '../../run-requests';
import type { CliContext } from '../context';
import { EXIT, errorLine } from '../exit-codes';
import { ownName } from '../own-name';

export interface RollbackOptions {
  to?: string;
  why?: string;
  running: 'finish' | 'cancel' | 'move';
}

/** Named of those that go on. */
const NAMED = 5;

export async function rollbackCommand(context: CliContext, agent: string, options: RollbackOptions): Promise<number> {
  const { to, why, running } = options;
  requireReason(why);
  const store = context.openStore();
  const about = { ...ownName(context), ...(to === undefined ? {} : { to }), ...(why === undefined ? {} : { why }) };
  const done = accepted(await rollBack(store, agent, about));
  const { record, withdrawn } = done;
  const names = await releaseNames(store, agent);
  const { output } = context;
  output.line(
    `rolled back  ${agent}: new runs take release ${names(record.after.release)}, and none takes ` +
      `${withdrawn.map(names).join(' or ')} any more (${formatDuration(done.tookMs)})`,
  );
  const cancelled = running === 'cancel' ? await cancelThem(context, agent, done, why) : undefined;
  const back = { release: record.after.release, manifest: await readManifest(store, record.after.release) };
  const moved = running === 'move' ? await moveThem(context, done, back) : undefined;
  const { runs, subRuns } = await openRunsOn(store, agent, withdrawn);
  const support = await supportOf(store, back);
  output.json({
    ...{ agent, release: record.after.release, withdrawn, epoch: record.epoch, at: record.at, by: record.by },
    ...{ why: why ?? null, tookMs: done.tookMs, readBack: done.pointer.release },
    open: runs.map(({ id }) => id),
    openAsSubAgents: subRuns.map(({ id }) => id),
    cancelled: cancelled ?? null,
    moved: moved ?? null,
    workers: { withItsCode: support.own, withAnothers: support.others, unservedToolboxes: support.unserved },
  });
  const { release, candidate } = done.pointer;
  output.line(
    `read back    change ${done.pointer.epoch ?? 0}: ${names(release)}${candidate ? ', and a candidate since' : ''}`,
  );
  for (const line of runningLines(
    runs.map(({ id }) => id),
    { cancelled, moved, subRuns: subRuns.length },
  ))
    output.line(output.safe(line));
  output.line(`workers      ${supportText(support)}`);
  for (const line of supportProblems({ ...support, own: 1 })) output.note(output.safeLine(`toolbox      ${line}`));
  // That a run stays because it does not fit is an answer; that nobody could be asked is none.
  const isUnreached = (cancelled?.failed.length ?? 0) > 0 || (moved?.isUnreached === true && moved.stayed.length > 0);
  return isUnreached ? EXIT.failed : EXIT.completed;
}

/** @throws ClientError `refused`, `invalid-input` */
function accepted(done: RolledBack | RefusedTraffic): RolledBack {
  if (done.kind === 'rolled-back') return done;
  throw new ClientError(done.reason === 'invalid' ? 'invalid-input' : 'refused', done.message);
}

async function cancelThem(
  context: CliContext,
  agent: string,
  { record, withdrawn }: RolledBack,
  why: string | undefined,
): Promise<Cancelled> {
  const store = context.openStore();
  const reason = why === undefined ? 'its release was taken back' : `its release was taken back: ${why}`;
  let unreached = '';
  const connected = await context.connectIfPossible((error) => (unreached = errorLine(error)));
  if (connected) {
    const runs = { store, client: connected.client };
    return await cancelRunsOn(runs, agent, withdrawn, { changedAt: record.at, reason });
  }
  const { runs } = await openRunsOn(store, agent, withdrawn);
  return { asked: [], failed: runs.map(({ id }) => ({ run: id, why: unreached })) };
}

async function moveThem(
  context: CliContext,
  { record, withdrawn }: RolledBack,
  to: KnownRelease,
): Promise<MovedToRelease> {
  const store = context.openStore();
  let unreached = '';
  const connected = await context.connectIfPossible((error) => (unreached = errorLine(error)));
  if (connected) {
    const { temporal, client } = connected;
    return await moveToRelease({ store, temporal, client }, withdrawn, to, { changedAt: record.at });
  }
  const { runs } = await openRunsOn(store, to.manifest.agent, withdrawn);
  return { moved: [], stayed: runs.map(({ id }) => ({ run: id, why: unreached })), isUnreached: true };
}

function runningLines(
  open: readonly string[],
  {
    cancelled,
    moved,
    subRuns,
  }: { cancelled: Cancelled | undefined; moved: MovedToRelease | undefined; subRuns: number },
): string[] {
  const named = (runs: readonly string[]): string =>
    `${runs.slice(0, NAMED).join(', ')}${runs.length > NAMED ? ', ...' : ''}`;
  const lines: string[] = [];
  if (cancelled) {
    const { asked, failed } = cancelled;
    lines.push(`running      ${counted(asked.length, 'run')} of it asked to end; ${open.length} not ended yet`);
    const [first] = failed;
    if (first)
      lines.push(
        `unreached    ${counted(failed.length, 'run')} could not be asked (${named(failed.map(({ run }) => run))}): ${first.why}`,
        `             they go on; ask each again: longhaul cancel RUN`,
      );
  } else if (moved) {
    const { moved: taken, stayed } = moved;
    lines.push(
      `running      ${counted(taken.length, 'run')} of it ${taken.length === 1 ? 'goes' : 'go'} on with the release gone back to, from the next turn on`,
    );
    for (const { run, why } of stayed) lines.push(`             ${run} goes on as it is: ${why}`);
  } else if (open.length === 0) lines.push('running      no run of it is open');
  else
    lines.push(
      `running      ${counted(open.length, 'run')} of it ${open.length === 1 ? 'goes on to its' : 'go on to their'} end: ${named(open)}`,
      `             those of them that must not: longhaul cancel RUN`,
    );
  if (subRuns > 0)
    lines.push(
      `             ${counted(subRuns, 'run')} of it as a sub-agent go on, and their callers' releases go on calling it: release those without it`,
    );
  return lines;
}
