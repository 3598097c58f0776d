// Looks after shadows: those that are wanted are begun, a bounded few at once, and what those under way came to is added up. Repeated, cut off
// anywhere, or done by several workers at once, it begins each of them once.
import { shadowRunId } from '../../workflows/contract/names';
import type { RunTotals } from '../../workflows/contract/run';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import {
  shadowStateSchema,
  type DroppedShadow,
  type ShadowState,
  type WantedShadow,
} from '../../workflows/contract/schemas/shadow';
import type { Shadowing } from '../../workflows/contract/schemas/traffic';
import type { Executions, ToldEnd } from '../control/control-deps';
import { cannotBeStarted } from '../control/unstartable';
import { failure } from '../failure';
import { allRefs } from '../store';
import { readPointer } from '../store/pick-release';
import type { Ref } from '../store/port';
import { recordFirst } from '../store/record-first';
import { openRunName, runRecordName, shadowStateName, SHADOWS_WANTED, SHADOW_STATES } from '../store/ref-names';
import { mayBeShadowed, readWanted, wantShadow } from '../store/wanted-shadows';
import { recordUnrecordedEnd } from '../unrecorded-end';
import { recordShadow } from './begin-shadow';
import type { ShadowStore } from './primary-calls';
import { ASKED_FOR, admitted, noShadows, settled, withDropped } from './shadow-budget';

export interface ShadowKeeperDeps extends ShadowStore, Pick<Executions, 'start' | 'endOf'> {
  now(): number;
  terminate(run: string, reason: string): Promise<void>;
}

/** Nobody waits for one. */
const LONGEST_MS = 3_600_000;
/** A run says itself that it has ended; who has not by then is asked about. */
const QUIET_MS = 60_000;
/** What a run was drawn for so long ago says little of today. */
const LATE_MS = 86_400_000;
/** Looked at in one go; the rest the next time. */
const WANTED_AT_ONCE = 500;

export async function lookAfterShadows(deps: ShadowKeeperDeps): Promise<void> {
  for (const { value } of await allRefs(deps.store, SHADOW_STATES)) {
    const state = shadowStateSchema.safeParse(value).data;
    for (const open of state?.open ?? []) await settle(deps, state?.agent ?? '', open);
  }
  const full = new Set<string>();
  for (const ref of await deps.store.listRefs(SHADOWS_WANTED, { limit: WANTED_AT_ONCE })) {
    const wanted = readWanted(ref.value);
    if (!wanted) await deps.store.deleteRef(ref.name, ref.version);
    else if (!full.has(wanted.agent) && (await takeUp(deps, wanted, ref)) === 'full') full.add(wanted.agent);
  }
}

async function takeUp(deps: ShadowKeeperDeps, wanted: WantedShadow, ref: Ref): Promise<'full' | undefined> {
  const { store } = deps;
  const { run, agent, release, id: ofTraffic } = wanted;
  const [primary, known] = await Promise.all([readRun(deps, run), readRun(deps, shadowRunId(run, release))]);
  const done = async (): Promise<undefined> => {
    await store.deleteRef(ref.name, ref.version);
  };
  const drop = async (why: DroppedShadow, problem?: string): Promise<undefined> => {
    if (await store.deleteRef(ref.name, ref.version))
      await change(deps, agent, (state) => withDropped(state, why, problem));
  };
  if (known?.ended) return await done();
  if (!primary || primary.erased || !mayBeShadowed(run))
    return await drop('unstartable', `run ${run} is not there any more.`);
  if (!primary.ended) return undefined;
  const shadowing = (await readPointer(store, agent))?.pointer.shadow;
  if (ofTraffic !== undefined && shadowing?.id !== ofTraffic) return await drop('stopped');
  if (ofTraffic !== undefined && wanted.at < deps.now() - LATE_MS) return await drop('late');
  const place = await reserve(deps, wanted, { primary, ended: primary.ended, shadowing });
  if (place === 'full') return place;
  if (place === 'budget') return await drop('budget');
  const begun = await begin(deps, wanted, { primary, shadowing });
  if (begun === undefined) return await done();
  await change(deps, agent, (state) => settled(state, shadowRunId(run, release), { used: undefined, now: deps.now() }));
  return begun === 'ended' ? await done() : await drop('unstartable', begun.why);
}

interface Primary {
  primary: RunRecord;
  shadowing: Shadowing | undefined;
}

/** What its own release makes of the same run is wanted with it: what differs there is noise. */
async function reserve(
  deps: ShadowKeeperDeps,
  { run, agent, release, id: ofTraffic }: WantedShadow,
  { primary, ended, shadowing }: Primary & { ended: NonNullable<RunRecord['ended']> },
): Promise<'reserved' | 'full' | 'budget'> {
  const now = deps.now();
  const hasFloor = ofTraffic !== undefined && shadowing?.floor === true && release !== primary.release;
  const one = { id: shadowRunId(run, release), run, release, at: now, ...usedBy(ended.totals) };
  const budget = shadowing ?? ASKED_FOR;
  let refused: 'full' | 'budget' | undefined;
  await change(
    deps,
    agent,
    (state) => {
      const next = admitted(state, one, { budget, isFree: ofTraffic === undefined, now });
      refused = typeof next === 'string' ? next : undefined;
      return typeof next === 'string' ? state : next;
    },
    hasFloor ? [wantShadow({ schemaVersion: 1, run, agent, release: primary.release, at: now, id: ofTraffic })] : [],
  );
  return refused ?? 'reserved';
}

/** @returns undefined where it goes on, or has been begun by somebody else */
async function begin(
  deps: ShadowKeeperDeps,
  { release, id, by, reads }: WantedShadow,
  { primary, shadowing }: Primary,
): Promise<undefined | 'ended' | { why: string }> {
  const about = {
    reads: reads ?? shadowing?.reads ?? 'recorded',
    ...(id === undefined ? {} : { id }),
    ...(by === undefined ? {} : { by }),
  };
  const recorded = await recordShadow(deps, { primary, release, about, now: deps.now() });
  if (recorded.kind === 'ended') return 'ended';
  if (recorded.kind === 'refused') return { why: recorded.why };
  const { start, record } = recorded;
  let first: string | undefined;
  try {
    first = await deps.start(start);
  } catch (error) {
    const reason = cannotBeStarted(error);
    if (!reason) throw error;
    await recordEnd(deps, record.id, { at: deps.now(), outcome: 'failed', failure: reason, firstRunId: '' });
    return { why: reason.message };
  }
  if (first !== undefined && start.input.carried)
    await recordFirst(deps.store.of(record.tenant), record, start.input.carried, first);
  return undefined;
}

/** What it came to, where it has ended; one that does not end by itself is ended. */
async function settle(deps: ShadowKeeperDeps, agent: string, { id, at }: ShadowState['open'][number]): Promise<void> {
  const now = deps.now();
  let record = await readRun(deps, id);
  if (record && !record.ended && at < now - QUIET_MS) {
    if (at < now - LONGEST_MS) await deps.terminate(id, 'a shadow takes an hour at the most.');
    const end = await deps.endOf(id);
    // Whoever has recorded it has not come to begin it: its wish is still there.
    if (typeof end === 'object') record = await recordEnd(deps, id, end);
  }
  const isLost = !record && at < now - LONGEST_MS;
  if (!record?.ended && !isLost) return;
  const used = record?.ended ? usedBy(record.ended.totals) : undefined;
  await change(deps, agent, (state) => settled(state, id, { used, now }));
}

async function recordEnd(deps: ShadowKeeperDeps, id: string, end: ToldEnd): Promise<RunRecord | undefined> {
  const ref = await deps.store.readRef(runRecordName(id));
  const record = runRecordSchema.safeParse(ref?.value).data;
  if (!ref || !record || record.ended) return record;
  const ended = await recordUnrecordedEnd(deps.store, { record, version: ref.version }, end);
  await deps.store.deleteRef(openRunName(id));
  return ended;
}

const usedBy = ({ cost, usage }: Pick<RunTotals, 'cost' | 'usage'>): { nanoUsd: number; tokens: number } => ({
  nanoUsd: cost?.nanoUsd ?? 0,
  tokens: usage.input + usage.output,
});

const readRun = async ({ store }: Pick<ShadowStore, 'store'>, id: string): Promise<RunRecord | undefined> =>
  runRecordSchema.safeParse((await store.readRef(runRecordName(id)))?.value).data;

/** Others who change the state all the time are other workers, each of which comes to an end. */
const ROUNDS = 20;

async function change(
  { store, now }: ShadowKeeperDeps,
  agent: string,
  to: (state: ShadowState) => ShadowState,
  beside: readonly ReturnType<typeof wantShadow>[] = [],
): Promise<void> {
  const name = shadowStateName(agent);
  for (let round = 1; round <= ROUNDS; round += 1) {
    const ref = await store.readRef(name);
    const before = shadowStateSchema.safeParse(ref?.value).data ?? noShadows(agent, now());
    const value = to(before);
    if (ref && value === before) return;
    const { conflicts } = await store.commit({
      refs: [
        ...beside,
        ref ? { op: 'compare-and-set', name, version: ref.version, value } : { op: 'create', name, value },
      ],
    });
    if (conflicts.length === 0) return;
  }
  throw failure('Store.Unavailable', `the state of the shadows of ${agent} is changed by others all the time.`);
}
