// `longhaul rollback AGENT`: new runs take an earlier release at once. The store alone is needed; what is under way is ended only where that is
// asked for, which needs Temporal.
import type { ContentStore } from '../../../activities/store';
import type { RefusedTraffic } from '../../../activities/store/next-traffic';
import { ClientError } from '../../errors';
import { counted, formatDuration } from '../../format';
import { cancelRunsOn, openRunsOn, rollBack, workersOf, type Cancelled, type RolledBack } from '../../roll-back';
import { registeredReleases } from '../../releases';
import { requireReason } from '../../run-requests';
import type { CliContext } from '../context';
import { EXIT, errorLine } from '../exit-codes';
import { ownName } from '../own-name';

export const RUNNING = ['finish', 'cancel'] as const;

export interface RollbackOptions {
  to?: string;
  why?: string;
  running: (typeof RUNNING)[number];
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
  const names = await namesOf(store, agent);
  const { output } = context;
  output.line(
    `rolled back  ${agent}: new runs take release ${names(record.after.release)}, and none takes ` +
      `${withdrawn.map(names).join(' or ')} any more (${formatDuration(done.tookMs)})`,
  );
  const cancelled = running === 'cancel' ? await cancelThem(context, agent, done, why) : undefined;
  const { runs, subRuns } = await openRunsOn(store, agent, withdrawn);
  const workers = await workersOf(store, agent);
  const own = workers.filter(({ loaded }) => loaded.includes(record.after.release)).length;
  const others = workers.filter(({ strict, loaded }) => !strict && !loaded.includes(record.after.release)).length;
  output.json({
    ...{ agent, release: record.after.release, withdrawn, epoch: record.epoch, at: record.at, by: record.by },
    ...{ why: why ?? null, tookMs: done.tookMs, readBack: done.pointer.release },
    open: runs.map(({ id }) => id),
    openAsSubAgents: subRuns.map(({ id }) => id),
    cancelled: cancelled ?? null,
    workers: { withItsCode: own, withAnothers: others },
  });
  const { release, candidate } = done.pointer;
  output.line(
    `read back    change ${done.pointer.epoch ?? 0}: ${names(release)}${candidate ? ', and a candidate since' : ''}`,
  );
  for (const line of runningLines(
    runs.map(({ id }) => id),
    { cancelled, subRuns: subRuns.length },
  ))
    output.line(output.safe(line));
  output.line(`workers      ${workersText(own, others)}`);
  return cancelled && cancelled.failed.length > 0 ? EXIT.failed : EXIT.completed;
}

/** @throws ClientError `refused`, `invalid-input` */
function accepted(done: RolledBack | RefusedTraffic): RolledBack {
  if (done.kind === 'rolled-back') return done;
  throw new ClientError(done.reason === 'invalid' ? 'invalid-input' : 'refused', done.message);
}

async function namesOf(store: ContentStore, agent: string): Promise<(release: string) => string> {
  const known = await registeredReleases(store, agent);
  return (release) => {
    const name = known.find((one) => one.release === release)?.name;
    return name === undefined ? release.slice(0, 12) : `${name} (${release.slice(0, 12)})`;
  };
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

function runningLines(
  open: readonly string[],
  { cancelled, subRuns }: { cancelled: Cancelled | undefined; subRuns: number },
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

function workersText(own: number, others: number): string {
  if (own + others === 0) return 'none that lives can run it: new runs wait until one comes';
  if (own === 0)
    return `${counted(others, 'worker')} run it, none with the code that it was made of: instructions, model and limits are its own, tools are as they are now`;
  return `${counted(own, 'worker')} run it with its own code${others > 0 ? `, ${others} with another's` : ''}`;
}
