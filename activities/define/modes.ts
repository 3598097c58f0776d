// How callers use an agent: the modes of a definition, checked against its limits.
import { DEFAULT_SESSION_PLAN, MAILBOX_MAX } from '../../workflows/contract/limits';
import type { ReleaseManifest, SyncPlan } from '../../workflows/contract/release';
import type { RunPlan } from '../../workflows/contract/run';
import { ON_BUSY, type OnBusy, type SessionPlan } from '../../workflows/contract/session';
import { wholeNumber, type AgentLimits } from './agent-limits';
import { BATCH_DELAY_MS } from './batch';
import { objectWith } from './checked-parts';
import { durationMs, type Duration } from './duration';
import { oneOf } from './known-keys';

export type AgentMode = 'sync' | 'async' | 'session';
const MODES: readonly AgentMode[] = ['sync', 'async', 'session'];

export interface SyncOptions {
  /** A call that takes longer becomes a job, and its caller is told the run's id. At most ten minutes. @default '20s' */
  within?: Duration;
  /** Model calls of a run, at most. @default 4 */
  calls?: number;
}

export interface SessionOptions {
  /**
   * What becomes of a message that comes while another is being answered: it waits; it is refused; the answer under way is ended, and the
   * conversation goes on from there; or the run under way is told it. @default 'enqueue'
   */
  onBusy?: OnBusy;
  /** Messages that may wait. @default 100 */
  mailbox?: number;
  /** Without a message for so long, the session falls asleep; the next message wakes it where it was. @default '30d' */
  idle?: Duration;
}

/** As the release has it: neither of them is an agent of mode `async`. */
export type ModePlan = Pick<ReleaseManifest, 'sync' | 'session'>;

export interface ModeDefinition {
  name: string;
  mode?: AgentMode;
  sync?: SyncOptions;
  session?: SessionOptions;
  limits?: AgentLimits;
  batch?: { delay?: Duration };
}

const DEFAULT_WITHIN: Duration = '20s';
const DEFAULT_SYNC_CALLS = 4;
/** Whoever waits for longer than this has lost the connection by then. */
const WITHIN_MAX_MS = 600_000;

/** @throws Error in one line, naming what is wrong */
export function modePlan({ name, mode = 'async', sync, session }: ModeDefinition): ModePlan {
  const where = `agent ${name}`;
  oneOf(mode, MODES, `${where}: mode`);
  for (const [part, given] of [
    ['sync', sync],
    ['session', session],
  ] as const)
    if (given !== undefined && mode !== part)
      throw new Error(`${where}: ${part} is for agents of mode "${part}", and this one's is "${mode}".`);
  if (mode === 'sync') return { sync: syncPlan(sync ?? {}, `${where}: sync`) };
  return mode === 'session' ? { session: sessionPlan(session ?? {}, `${where}: session`) } : {};
}

function syncPlan(given: SyncOptions, where: string): SyncPlan {
  objectWith(given, where, ['within', 'calls']);
  const withinMs = durationMs(given.within ?? DEFAULT_WITHIN, `${where}.within`);
  if (withinMs > WITHIN_MAX_MS)
    throw new Error(`${where}.within is ten minutes at most: what takes longer is for mode "async".`);
  return { withinMs, calls: wholeNumber(given.calls ?? DEFAULT_SYNC_CALLS, `${where}.calls`) };
}

function sessionPlan(given: SessionOptions, where: string): SessionPlan {
  objectWith(given, where, ['onBusy', 'mailbox', 'idle']);
  const mailbox = wholeNumber(given.mailbox ?? DEFAULT_SESSION_PLAN.mailbox, `${where}.mailbox`);
  if (mailbox > MAILBOX_MAX) throw new Error(`${where}.mailbox is ${MAILBOX_MAX} at most.`);
  return {
    onBusy: oneOf(given.onBusy ?? DEFAULT_SESSION_PLAN.onBusy, ON_BUSY, `${where}.onBusy`),
    mailbox,
    idleMs: given.idle === undefined ? DEFAULT_SESSION_PLAN.idleMs : durationMs(given.idle, `${where}.idle`),
  };
}

/**
 * The plan of an agent that answers calls: so many calls of the model are a limit of its runs.
 * @throws Error in one line, where its other limits contradict that
 */
export function withinSync(plan: RunPlan, { name, limits = {}, batch }: ModeDefinition, { sync }: ModePlan): RunPlan {
  if (!sync) return plan;
  const where = `agent ${name}`;
  const { withinMs, calls } = sync;
  for (const limit of ['turns', 'modelCalls'] as const) {
    const given = limits[limit];
    if (given !== undefined && given > calls)
      throw new Error(`${where}: limits.${limit} is ${given}, and sync.calls ${calls}: no run comes so far.`);
  }
  const { wallMs } = plan.limits;
  if (wallMs !== undefined && wallMs < withinMs)
    throw new Error(`${where}: limits.wall ends a run before sync.within is over, so none would ever become a job.`);
  const delayMs = batch ? durationMs(batch.delay ?? BATCH_DELAY_MS, `${where}: batch.delay`) : 0;
  if (delayMs >= withinMs) throw new Error(`${where}: batch.delay is no shorter than sync.within.`);
  return {
    ...plan,
    limits: { ...plan.limits, turns: limits.turns ?? calls, modelCalls: limits.modelCalls ?? calls },
  };
}
