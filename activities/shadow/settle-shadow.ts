// What a shadow under way came to, and whether its place is still used.
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import type { ShadowState } from '../../workflows/contract/schemas/shadow';
import type { Executions, ToldEnd } from '../control/control-deps';
import { openRunName, runRecordName, shadowWantedName } from '../store/ref-names';
import { recordUnrecordedEnd } from '../unrecorded-end';
import { changeState, readRun, usedBy, type KeptDeps } from './kept-state';
import type { ShadowStore } from './primary-calls';
import { settled } from './shadow-budget';

export interface SettleDeps extends KeptDeps, ShadowStore, Pick<Executions, 'endOf'> {
  terminate(run: string, reason: string): Promise<void>;
}

type Open = ShadowState['open'][number];

/** Nobody waits for one. */
const LONGEST_MS = 3_600_000;
/** A run says itself that it has ended; who has not by then is asked about. */
const QUIET_MS = 60_000;

/**
 * What it came to, where it has ended; one that does not end by itself is ended, and one that nobody begins any more has no place.
 * @throws what keeps its end from being known; after its hour it has no place all the same
 */
export async function settle(deps: SettleDeps, agent: string, open: Open): Promise<void> {
  const now = deps.now();
  const isLate = open.at < now - LONGEST_MS;
  try {
    await settleOnce(deps, agent, open, { now, isLate });
  } catch (error) {
    if (isLate) await changeState(deps, agent, (state) => settled(state, open.id, { used: undefined, now }));
    throw error;
  }
}

async function settleOnce(
  deps: SettleDeps,
  agent: string,
  open: Open,
  { now, isLate }: { now: number; isLate: boolean },
): Promise<void> {
  const { id, at } = open;
  const isQuiet = at < now - QUIET_MS;
  const found = await readRun(deps, id);
  if (found && !found.ended && isLate) await deps.terminate(id, 'a shadow takes an hour at the most.');
  const record = found && !found.ended && isQuiet ? await endedNow(deps, open, found) : found;
  const isGone = !record && isQuiet && !(await isWanted(deps, open));
  if (!record?.ended && !isGone && !isLate) return;
  const used = record?.ended ? usedBy(record.ended.totals) : undefined;
  await changeState(deps, agent, (state) => settled(state, id, { used, now }));
}

const isWanted = async ({ store }: SettleDeps, { run, release }: Open): Promise<boolean> =>
  (await store.readRef(shadowWantedName(run, release))) !== undefined;

/** With its end, where it has one that it could not record. */
async function endedNow(deps: SettleDeps, open: Open, found: RunRecord): Promise<RunRecord> {
  const end = await deps.endOf(open.id);
  if (typeof end === 'object') return (await recordEnd(deps, open.id, end)) ?? found;
  // Whoever has recorded it was cut off before it began it. While it is wanted another look begins it.
  if (end !== 'unknown' || (await isWanted(deps, open))) return found;
  const failure = { type: 'Run.Unstartable', message: 'it was never begun.' } as const;
  const never: ToldEnd = { at: deps.now(), outcome: 'failed', failure, firstRunId: '' };
  return (await recordEnd(deps, open.id, never)) ?? found;
}

export async function recordEnd(deps: SettleDeps, id: string, end: ToldEnd): Promise<RunRecord | undefined> {
  const ref = await deps.store.readRef(runRecordName(id));
  const record = runRecordSchema.safeParse(ref?.value).data;
  if (!ref || !record || record.ended) return record;
  const ended = await recordUnrecordedEnd(deps.store, { record, version: ref.version }, end);
  await deps.store.deleteRef(openRunName(id));
  return ended;
}
