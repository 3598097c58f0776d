// A run as the API shows it: from its record, and, while it goes, from what a worker answers.
import { OUTCOMES, type RunLimits, type RunProgress } from '../../workflows/contract/run';
import type { DegradeStep, QueuePlace } from '../../workflows/contract/queue';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import type { ContentStore } from '../../activities/store';
import { ClientError } from '../errors';
import { waitingOf } from '../inbox';
import { erasedText } from '../recorded-result';
import type { RunHandle } from '../run-handle';
import type { ApiDeps } from './route';
import type { ShownRun } from './shapes';

export const OPEN_STATUSES = [
  'open',
  'queued',
  'running',
  'waiting',
  'asking',
  'paused',
  'cancelling',
  'stuck',
] as const;
export const RUN_STATUSES = [
  ...OPEN_STATUSES,
  'completed',
  'failed',
  'escalated',
  'cancelled',
  'budget-exhausted',
  'erased',
] as const;

/** A worker that is there answers in milliseconds. */
const ANSWER_MS = 2_000;
const NANO_USD = 1e9;

/** With dollars, as the API has them. */
export const shownLimits = (limits: RunLimits): NonNullable<ShownRun['limits']> => shownPart(limits);

const shownPart = ({ nanoUsd, ...limits }: Partial<RunLimits>): NonNullable<ShownRun['limits']> => ({
  ...limits,
  ...(nanoUsd === undefined ? {} : { usd: nanoUsd / NANO_USD }),
});

/** As a release has them. */
export const takenLimits = ({ usd, ...limits }: NonNullable<ShownRun['limits']>): Partial<RunLimits> => ({
  ...limits,
  ...(usd === undefined ? {} : { nanoUsd: Math.round(usd * NANO_USD) }),
});

export const shownDegraded = ({
  above,
  limits,
  route,
}: Omit<DegradeStep, 'sync'>): NonNullable<ShownRun['degraded']> => ({
  above,
  ...(limits ? { limits: shownPart(limits) } : {}),
  ...(route ? { route } : {}),
});

/** @param queue its name */
export const shownPlace = (queue: string, place: QueuePlace | undefined): NonNullable<ShownRun['queued']> => ({
  queue,
  ...(place ? { position: place.position } : {}),
  ...(place?.wait ? { wait: place.wait } : {}),
});

/** What its record says alone. */
export function recordedRun(record: RunRecord): ShownRun {
  const { id, agent, release, tenant, user, session, tags, question, startedAt, ended, erased, parent } = record;
  const { forkedFrom, degraded } = record;
  const reason = erased ? `it ${erasedText(erased)}` : ended?.failure?.message;
  return {
    ...{ id, agent, release, tenant, tags, question, startedAt },
    ...(user === undefined ? {} : { user }),
    ...(session === undefined ? {} : { session }),
    status: erased ? 'erased' : (ended?.outcome ?? 'open'),
    ...(reason === undefined ? {} : { reason }),
    ...(ended ? { endedAt: ended.at, totals: ended.totals } : {}),
    ...(ended?.failure ? { failure: ended.failure } : {}),
    ...(ended?.limits ? { limits: shownLimits(ended.limits) } : {}),
    ...(parent ? { parent: parent.run } : {}),
    ...(degraded ? { degraded: shownDegraded(degraded) } : {}),
    ...(forkedFrom ? { forkedFrom: { run: forkedFrom.run, step: forkedFrom.step } } : {}),
    ...(erased ? { erasedAt: erased.at } : {}),
  };
}

/** @throws what keeps Temporal or the store from telling */
export async function shownRun(deps: ApiDeps, run: RunHandle<unknown>, record: RunRecord): Promise<ShownRun> {
  const recorded = recordedRun(record);
  if (record.ended || record.erased) return recorded;
  const status = await run.describe().then(
    (description) => description.status.name,
    (error: unknown) => {
      if (ClientError.isInstance(error) && error.code === 'run-not-found') return undefined;
      throw error;
    },
  );
  if (status === undefined && record.queue)
    return { ...recorded, status: 'queued', queued: shownPlace(record.queue.name, await placeOf(run)) };
  // A session records its run a moment before it begins.
  if (status === undefined && record.goesOnFrom) return recorded;
  if (status === undefined)
    return { ...recorded, reason: 'Temporal does not know it: starting it again by its id starts it.' };
  if (status !== 'RUNNING') return await endedRun(run, recorded);
  const progress = await progressOf(deps, run);
  if ('stuck' in progress) return { ...recorded, status: 'stuck', reason: progress.stuck };
  return { ...recorded, ...('unknown' in progress ? await askedOf(deps.store, record.id) : inProgress(progress)) };
}

/** Undefined where no worker answers; a page is not refused for that. */
const placeOf = (run: RunHandle<unknown>): Promise<QueuePlace | undefined> =>
  run.place().catch((error: unknown) => {
    if (ClientError.isInstance(error) && error.code === 'no-worker') return undefined;
    throw error;
  });

/** Of one that was terminated, say, and has not recorded its end. */
async function endedRun(run: RunHandle<unknown>, recorded: ShownRun): Promise<ShownRun> {
  const result = await run.result();
  return {
    ...{ ...recorded, status: result.outcome, totals: result.totals },
    ...('failure' in result ? { failure: result.failure, reason: result.failure.message } : {}),
  };
}

async function progressOf(
  { temporal }: ApiDeps,
  run: RunHandle<unknown>,
): Promise<RunProgress | { stuck: string } | { unknown: true }> {
  const late = AbortSignal.timeout(ANSWER_MS);
  try {
    return await temporal.connection.withAbortSignal(late, () => run.progress());
  } catch (error) {
    if (ClientError.isInstance(error) && error.code === 'stuck') return { stuck: error.message };
    if (late.aborted || ClientError.isInstance(error)) return { unknown: true };
    throw error;
  }
}

/** Temporal alone does not know that it waits for a person; the store does. */
async function askedOf(store: ContentStore, id: string): Promise<Pick<ShownRun, 'status' | 'requests'>> {
  const requests = (await waitingOf(store, id)).length;
  return requests === 0 ? { status: 'open' } : { status: 'asking', requests };
}

function inProgress({ status, reason, totals, limits, requests, result }: RunProgress): Partial<ShownRun> {
  const outcome = OUTCOMES.find((one) => one === result?.outcome);
  return {
    status: status === 'ended' ? (outcome ?? 'open') : status,
    ...(reason === undefined ? {} : { reason }),
    ...{ totals, limits: shownLimits(limits) },
    ...(requests && requests.length > 0 ? { requests: requests.length } : {}),
  };
}
