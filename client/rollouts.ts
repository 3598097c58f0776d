// A rollout under way: how it stands, and what people say to it. What is kept of it is read from the store; Temporal is needed to change it.
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { changeTraffic } from '../activities/store/change-traffic';
import { endOf, passedOver } from '../activities/store/passed-over';
import { keepRollout, newestRolloutIn, readRollout } from '../activities/store/rollouts';
import type { ContentStore } from '../activities/store/port';
import { SIGNAL_NAMES, rolloutWorkflowId } from '../workflows/contract/names';
import type { RolloutAct, RolloutEnd, RolloutKept, RolloutSaid } from '../workflows/contract/rollout';
import { ClientError } from './errors';
import { pointerOf } from './releases';
import { requireReason } from './run-requests';

const SIGNAL_OF = {
  pause: SIGNAL_NAMES.pauseRollout,
  resume: SIGNAL_NAMES.resumeRollout,
  promote: SIGNAL_NAMES.promoteRollout,
  abort: SIGNAL_NAMES.abortRollout,
} as const satisfies { [act in RolloutAct]: string };

/** The newest. @throws ClientError `unknown-agent`, `refused` where there was none */
export async function newestRollout(store: ContentStore, agent: string): Promise<RolloutKept> {
  await pointerOf(store, agent);
  const newest = await newestRolloutIn(store, agent);
  if (newest) return newest;
  throw new ClientError(
    'refused',
    `no release of ${agent} was ever rolled out: "longhaul rollout ${agent} RELEASE" begins it.`,
  );
}

/**
 * Says it to the rollout that is under way. A worker does it; where Temporal has no such workflow any more, an abort takes the candidate back here.
 * @returns the rollout as it was kept before
 * @throws ClientError `unknown-agent`; `refused` where none is under way, with what became of it
 */
export async function sayToRollout(
  { temporal, store, taskQueue }: { temporal: Pick<Client, 'workflow'>; store: ContentStore; taskQueue: string },
  agent: string,
  act: RolloutAct,
  said: RolloutSaid & { by: string },
): Promise<RolloutKept> {
  requireReason(said.why);
  const newest = await newestRollout(store, agent);
  if (newest.ended) throw new ClientError('refused', overText(newest));
  const handle = temporal.workflow.getHandle(rolloutWorkflowId(taskQueue, agent));
  try {
    await handle.signal<[RolloutSaid]>(SIGNAL_OF[act], said);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    // It may have come to its end in this moment.
    const now = (await readRollout(store, agent, newest.id)) ?? newest;
    if (now.ended) throw new ClientError('refused', overText(now), { cause: error });
    await withoutWorkflow(store, now, act, said);
  }
  return newest;
}

/**
 * Somebody has ended its workflow from outside: its candidate has its share until it is taken back.
 * @throws ClientError `refused` where another act than an abort is said, where the candidate cannot be taken back, and where it is out of the
 * traffic already, with what became of it
 */
export async function withoutWorkflow(
  store: ContentStore,
  rollout: RolloutKept,
  act: RolloutAct,
  { by, why = 'no reason was given' }: RolloutSaid & { by: string },
): Promise<void> {
  const { agent, id } = rollout;
  const gone = `the workflow of rollout ${id} is gone: somebody has ended it from outside.`;
  if (act !== 'abort')
    throw new ClientError('refused', `${gone} "longhaul rollout abort ${agent}" takes its candidate back.`);
  const changed = await changeTraffic(store, agent, { kind: 'withdraw', rollout: id }, { by, why });
  if (changed.kind === 'changed') {
    await keepEnd(store, rollout, { as: 'withdrawn', because: 'person', by, why, at: changed.record.at });
    return;
  }
  const passed = await endPast(store, rollout);
  if (!passed) throw new ClientError('refused', `${gone} Its candidate could not be taken back: ${changed.message}`);
  throw new ClientError('refused', overText(await keepEnd(store, rollout, passed)));
}

/** What became of one whose candidate is out of the traffic. Undefined while that has its share. */
async function endPast(store: ContentStore, { agent, id }: RolloutKept): Promise<RolloutEnd | undefined> {
  const passed = await passedOver(store, agent, id);
  if (!passed) return undefined;
  const record = await endOf(store, agent, id);
  const about = { because: 'changed', by: passed.by, at: record?.at ?? Date.now() } as const;
  // By its own workflow, or by an abort, that could not write it down any more.
  if (record?.change === 'promote' || record?.change === 'withdraw')
    return { as: ENDS[record.change], ...about, why: record.why ?? 'no reason was given' };
  return { as: 'superseded', ...about, why: passed.why };
}

const ENDS = { promote: 'promoted', withdraw: 'withdrawn' } as const;

/** What its workflow has left may be written down in this moment yet: then that is gone on from. @returns it with its end, whoever has written that */
async function keepEnd(store: ContentStore, rollout: RolloutKept, ended: RolloutEnd): Promise<RolloutKept> {
  for (let now = rollout; ;) {
    if (now.ended) return now;
    const { paused: _, ...rest } = now;
    await keepRollout(store, { ...rest, changes: now.changes + 1, ended });
    now = (await readRollout(store, rollout.agent, rollout.id)) ?? { ...rest, ended };
  }
}

const percent = (share: number): string => `${Number((100 * share).toFixed(2))} %`;

export function overText({ id, agent, ended }: RolloutKept): string {
  if (!ended) return `rollout ${id} of ${agent} is under way.`;
  return `rollout ${id} of ${agent} is over: ${endText(ended)}`;
}

export const endText = ({ as, by, why }: NonNullable<RolloutKept['ended']>): string =>
  `${as === 'superseded' ? 'its traffic was changed' : as === 'refused' ? 'it did not begin' : as} by ${by}: ${why}`;

/** How it stands, in some words. */
export function stateText({ ended, paused, steps }: Pick<RolloutKept, 'ended' | 'paused' | 'steps'>): string {
  if (ended) return ended.because === 'inconclusive' ? `${ended.as}, inconclusive` : ended.as;
  const share = steps.at(-1)?.share;
  return `${paused ? 'paused' : 'under way'}${share === undefined ? '' : ` at ${percent(share)}`}`;
}

export const stepsText = ({ policy, steps }: Pick<RolloutKept, 'policy' | 'steps'>): string =>
  policy.steps.map(({ share }, at) => (at === steps.length - 1 ? `[${percent(share)}]` : percent(share))).join(' → ');
