// Runs under way moved to another release of their agent: each at its next turn, where what it has said and done fits that one.
import { setTimeout as pause } from 'node:timers/promises';
import { WorkflowNotFoundError, WorkflowUpdateFailedError, type Client, type WorkflowHandle } from '@temporalio/client';
import type { ContentStore } from '../activities/store/port';
import { releaseMisfits } from '../activities/store/release-fit';
import { messageOf } from '../infra/temporal/error-reason';
import { UPDATE_NAMES } from '../workflows/contract/names';
import { GROWN_SINCE, type TakeReleaseRequest } from '../workflows/contract/take-release';
import type { RunRecord } from '../workflows/contract/schemas/run-record';
import type { AgentClient } from './agent-client';
import { readManifest, type KnownRelease } from './releases';
import { AT_ONCE, APART_MS, SETTLED_MS, openRunsOn } from './roll-back';
import { isUnanswered } from './unanswered';

export interface MovedToRelease {
  /** Ids of runs that go on with it from their next turn on: unless the turn under way still calls a tool that it lacks. */
  moved: string[];
  /** Those that go on as they are, with why. */
  stayed: { run: string; why: string }[];
  /** No server could be asked. */
  isUnreached?: true;
}

/** A worker that has just died keeps a run's tasks for five seconds. */
const ANSWER_MS = 15_000;

/** Of a run that goes on while it is looked at: a model that answers at once is asked about again. */
const LOOKS = 5;

interface Moving {
  store: ContentStore;
  temporal: Client;
  client: Pick<AgentClient, 'run'>;
}

type Asked =
  | { as: 'moves' }
  | { as: 'stays'; why: string }
  /** By itself, before it could be asked. */
  | { as: 'ended' }
  /** For a place, or for its session: it begins with what new runs take by then. */
  | { as: 'waits' }
  /** It is recorded, and Temporal does not know it: its start is under way, or its caller stopped in its middle. */
  | { as: 'unbegun' };

const UNBEGUN =
  'it has not begun: a start that is still under way begins it as it was recorded, one that comes later with what new runs take';

/** Asks every open run of the releases, those included that were being started while the traffic was changed. Sub-agents' runs are their callers'. */
export async function moveToRelease(
  moving: Moving,
  releases: readonly string[],
  to: KnownRelease,
  { changedAt }: { changedAt: number },
): Promise<MovedToRelease> {
  const asked = new Map<string, Asked>();
  for (let isLast = false; !isLast;) {
    isLast = Date.now() >= changedAt + SETTLED_MS;
    const { runs } = await openRunsOn(moving.store, to.manifest.agent, releases);
    // Begun meanwhile it is found again, and what it began with is known.
    for (const [id, { as }] of asked) if (as === 'unbegun') asked.delete(id);
    const left = runs.filter(({ id }) => (asked.get(id)?.as ?? 'waits') === 'waits');
    const moveNext = async (): Promise<void> => {
      for (let run = left.shift(); run !== undefined; run = left.shift())
        asked.set(run.id, await askToMove(moving, run, to));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, moveNext));
    if (!isLast) await pause(APART_MS);
  }
  const all = [...asked];
  return {
    moved: all.flatMap(([run, { as }]) => (as === 'moves' || as === 'waits' ? [run] : [])),
    stayed: all.flatMap(([run, one]) => {
      if (one.as === 'unbegun') return [{ run, why: UNBEGUN }];
      return one.as === 'stays' ? [{ run, why: one.why }] : [];
    }),
  };
}

async function askToMove(moving: Moving, run: RunRecord, to: KnownRelease): Promise<Asked> {
  // What load has taken from it the other release does not know of.
  if (run.degraded) return { as: 'stays', why: 'it began with less than its release gives, under load' };
  const handle = moving.temporal.workflow.getHandle(run.id);
  try {
    await handle.describe();
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) return { as: 'stays', why: messageOf(error) };
    return { as: run.queue ? 'waits' : 'unbegun' };
  }
  for (let look = 1; ; look += 1) {
    try {
      const why = await misfitOrAsked(moving, run, to, handle);
      return why === undefined ? { as: 'moves' } : { as: 'stays', why };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return { as: 'ended' };
      const refused = error instanceof WorkflowUpdateFailedError ? messageOf(error.cause ?? error) : undefined;
      if (refused === GROWN_SINCE && look < LOOKS) continue;
      if (refused === undefined && isUnanswered(error))
        return { as: 'stays', why: 'no worker answered for it: it may be moved still, when one comes' };
      return { as: 'stays', why: refused ?? messageOf(error) };
    }
  }
}

/** @returns why it does not fit; undefined where the run has said that it takes the release when its next turn begins */
async function misfitOrAsked(
  { store, temporal, client }: Moving,
  run: RunRecord,
  to: KnownRelease,
  handle: WorkflowHandle,
): Promise<string | undefined> {
  const [from, messages] = await Promise.all([readManifest(store, run.release), client.run(run.id).transcript()]);
  const misfits = releaseMisfits({ from, to: to.manifest, messages, answers: 'owed' });
  if (misfits.length > 0) return misfits.join('; ');
  const request: TakeReleaseRequest = { release: to.release, plan: to.manifest.plan, length: messages.length };
  await temporal.connection.withDeadline(Date.now() + ANSWER_MS, () =>
    handle.executeUpdate<void, [TakeReleaseRequest]>(UPDATE_NAMES.takeRelease, { args: [request] }),
  );
  return undefined;
}
