// Looks after shadows: those that are wanted are begun, a bounded few at once, and what those under way came to is added up. Repeated, cut off
// anywhere, or done by several workers at once, it begins each of them once.
import { shadowRunId } from '../../workflows/contract/names';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { shadowStateSchema, type DroppedShadow, type WantedShadow } from '../../workflows/contract/schemas/shadow';
import type { Shadowing } from '../../workflows/contract/schemas/traffic';
import type { Executions } from '../control/control-deps';
import { cannotBeStarted } from '../control/unstartable';
import { allRefs } from '../store';
import { readPointer } from '../store/pick-release';
import type { Ref } from '../store/port';
import { recordFirst } from '../store/record-first';
import { SHADOWS_WANTED, SHADOW_STATES } from '../store/ref-names';
import { mayBeShadowed, readWanted, wantShadow } from '../store/wanted-shadows';
import { recordShadow, type BegunShadow } from './begin-shadow';
import { changeState, readRun, usedBy } from './kept-state';
import { recordEnd, settle, type SettleDeps } from './settle-shadow';
import { ASKED_FOR, admitted, settled, withDropped } from './shadow-budget';

export interface ShadowKeeperDeps extends SettleDeps, Pick<Executions, 'start'> {
  /** @returns why no shadow of the release may begin now, in words: workers are there that would make its calls */
  unknowing(release: string): Promise<string | undefined>;
  /** Told of each run or shadow that could not be looked after: the next look finds it again. */
  failed(run: string, error: unknown): void;
  /** Whether the keeper stops: what is reserved then could not be begun. @default never */
  isOver?(): boolean;
}

/** What a run was drawn for so long ago says little of today. */
const LATE_MS = 86_400_000;
/** Looked at in one go; the rest the next time. */
const WANTED_AT_ONCE = 500;

/** What one look has found out, and need not ask again. */
interface Look {
  full: Set<string>;
  /** Shadows that have a place. */
  placed: Set<string>;
  /** By agent, why some of what is wanted does not begin. */
  heldBack: Map<string, string | undefined>;
  shadowing: Map<string, Shadowing | undefined>;
  unknowing: Map<string, string | undefined>;
}

/**
 * One that cannot be looked after keeps no other from it.
 * @param after where the look before has ended @default from the first
 * @returns where the next goes on; undefined where it begins anew
 */
export async function lookAfterShadows(deps: ShadowKeeperDeps, after?: string): Promise<string | undefined> {
  const each = async (id: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      deps.failed(id, error);
    }
  };
  const isOver = (): boolean => deps.isOver?.() ?? false;
  const look: Look = {
    ...{ full: new Set(), placed: new Set(), heldBack: new Map(), shadowing: new Map(), unknowing: new Map() },
  };
  for (const { value } of await allRefs(deps.store, SHADOW_STATES)) {
    const state = shadowStateSchema.safeParse(value).data;
    for (const open of state?.open ?? []) {
      if (isOver()) return after;
      look.placed.add(open.id);
      await each(open.id, () => settle(deps, state?.agent ?? '', open));
    }
  }
  const page = await deps.store.listRefs(SHADOWS_WANTED, {
    limit: WANTED_AT_ONCE,
    ...(after === undefined ? {} : { after }),
  });
  for (const ref of page) {
    if (isOver()) return after;
    const wanted = readWanted(ref.value);
    if (wanted) await each(wanted.run, () => takeUp(deps, look, { wanted, ref }));
    else await deps.store.deleteRef(ref.name, ref.version);
  }
  for (const [agent, why] of look.heldBack) await each(agent, () => tellHeldBack(deps, agent, why));
  return page.length < WANTED_AT_ONCE ? undefined : page.at(-1)?.name;
}

async function shadowingOf({ store }: ShadowKeeperDeps, { shadowing }: Look, agent: string) {
  if (!shadowing.has(agent)) shadowing.set(agent, (await readPointer(store, agent))?.pointer.shadow);
  return shadowing.get(agent);
}

async function takeUp(
  deps: ShadowKeeperDeps,
  look: Look,
  { wanted, ref }: { wanted: WantedShadow; ref: Ref },
): Promise<void> {
  const { store } = deps;
  const { run, agent, release } = wanted;
  const shadowing = await shadowingOf(deps, look, agent);
  const over = overOf(wanted, shadowing, deps.now());
  // Whatever else is full, one that has its place already is begun.
  if (!over && look.full.has(agent) && !look.placed.has(shadowRunId(run, release))) return;
  // Known to be held back already: its records need not be read.
  if (!over && look.unknowing.get(release) !== undefined) return void (await isHeldBack(deps, look, wanted));
  const [primary, known] = await Promise.all([readRun(deps, run), readRun(deps, shadowRunId(run, release))]);
  const drop = async (why: DroppedShadow, problem?: string, version: number | undefined = ref.version) => {
    if (await store.deleteRef(ref.name, version))
      await changeState(deps, agent, (state) => withDropped(state, why, problem));
  };
  // Its record is there: it is no wish any more.
  const done = async (): Promise<void> => void (await store.deleteRef(ref.name));
  if (known?.ended) return await done();
  if (over) return known ? await done() : await drop(over);
  if (!primary || primary.erased || !mayBeShadowed(run))
    return await drop('unstartable', `run ${run} is not there any more.`);
  if (!primary.ended || (await isHeldBack(deps, look, wanted))) return;
  const place = await reserve(deps, wanted, { primary, ended: primary.ended, shadowing });
  if (place === 'full') return void look.full.add(agent);
  if (place === 'budget') return await drop('budget');
  const begun = await begin(deps, wanted, { primary, shadowing, ref });
  if (begun === undefined) return await done();
  await freed(deps, wanted);
  if (begun === 'ended') return await done();
  // What is recorded has changed the wish.
  await drop('unstartable', begun.why, begun.isRecorded ? (await store.readRef(ref.name))?.version : ref.version);
}

/** Of one that a person has asked for neither counts. */
function overOf(
  { id, at }: WantedShadow,
  shadowing: Shadowing | undefined,
  now: number,
): Extract<DroppedShadow, 'stopped' | 'late'> | undefined {
  if (id === undefined) return undefined;
  if (shadowing?.id !== id) return 'stopped';
  return at < now - LATE_MS ? 'late' : undefined;
}

async function isHeldBack(
  deps: ShadowKeeperDeps,
  { unknowing, heldBack }: Look,
  { agent, release }: WantedShadow,
): Promise<boolean> {
  if (!unknowing.has(release)) unknowing.set(release, await deps.unknowing(release));
  const why = unknowing.get(release);
  heldBack.set(agent, heldBack.get(agent) ?? why);
  return why !== undefined;
}

/** Kept for people: they would see nothing begin, and not why. */
const tellHeldBack = (deps: ShadowKeeperDeps, agent: string, why: string | undefined): Promise<void> =>
  changeState(deps, agent, ({ heldBack, ...state }) => {
    if (heldBack === why) return undefined;
    return why === undefined ? state : { ...state, heldBack: why };
  });

/** Nothing was begun, and nothing counts. */
const freed = (deps: ShadowKeeperDeps, { run, release, agent }: WantedShadow): Promise<void> =>
  changeState(deps, agent, (state) => settled(state, shadowRunId(run, release), { used: undefined, now: deps.now() }));

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
  await changeState(
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
  wanted: WantedShadow,
  { primary, shadowing, ref }: Primary & { ref: Ref },
): Promise<undefined | 'ended' | { why: string; isRecorded: boolean }> {
  const { release, id, by, reads } = wanted;
  const about = {
    reads: reads ?? shadowing?.reads ?? 'recorded',
    ...(id === undefined ? {} : { id }),
    ...(by === undefined ? {} : { by }),
  };
  let recorded: BegunShadow;
  try {
    recorded = await recordShadow(deps, { primary, release, about, now: deps.now(), wanted: ref });
  } catch (error) {
    // It may fail so for ever, and would keep its place.
    await freed(deps, wanted);
    throw error;
  }
  if (recorded.kind === 'ended') return 'ended';
  if (recorded.kind === 'refused') return { why: recorded.why, isRecorded: false };
  const { start, record } = recorded;
  let first: string | undefined;
  try {
    first = await deps.start(start);
  } catch (error) {
    const reason = cannotBeStarted(error);
    if (!reason) throw error;
    await recordEnd(deps, record.id, { at: deps.now(), outcome: 'failed', failure: reason, firstRunId: '' });
    return { why: reason.message, isRecorded: true };
  }
  if (first !== undefined && start.input.carried)
    await recordFirst(deps.store.of(record.tenant), record, start.input.carried, first);
  return undefined;
}
