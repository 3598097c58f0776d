// Runs under way moved to another release of their agent: each at its next turn, where what it has said and done fits that one.
import { setTimeout as pause } from 'node:timers/promises';
import { WorkflowNotFoundError, WorkflowUpdateFailedError, type Client } from '@temporalio/client';
import type { ContentStore } from '../activities/store/port';
import { releaseMisfits } from '../activities/store/release-fit';
import { messageOf } from '../infra/temporal/error-reason';
import { UPDATE_NAMES } from '../workflows/contract/names';
import type { TakeReleaseRequest } from '../workflows/contract/take-release';
import type { RunRecord } from '../workflows/contract/schemas/run-record';
import type { AgentClient } from './agent-client';
import { readManifest, type KnownRelease } from './releases';
import { AT_ONCE, APART_MS, SETTLED_MS, openRunsOn } from './roll-back';
import { isUnanswered } from './unanswered';

export interface MovedToRelease {
  /** Ids of runs that go on with it from their next turn on. */
  moved: string[];
  /** Those that go on as they are, with why. */
  stayed: { run: string; why: string }[];
  /** No server could be asked. */
  isUnreached?: true;
}

/** A worker that has just died keeps a run's tasks for five seconds. */
const ANSWER_MS = 15_000;

interface Moving {
  store: ContentStore;
  temporal: Client;
  client: Pick<AgentClient, 'run'>;
}

/** Asks every open run of the releases, those included that were being started while the traffic was changed. Sub-agents' runs are their callers'. */
export async function moveToRelease(
  moving: Moving,
  releases: readonly string[],
  to: KnownRelease,
  { changedAt }: { changedAt: number },
): Promise<MovedToRelease> {
  const moved = new Set<string>();
  const stayed = new Map<string, string>();
  for (let isLast = false; !isLast;) {
    isLast = Date.now() >= changedAt + SETTLED_MS;
    const { runs } = await openRunsOn(moving.store, to.manifest.agent, releases);
    const left = runs.filter(({ id }) => !moved.has(id) && !stayed.has(id));
    const moveNext = async (): Promise<void> => {
      for (let run = left.shift(); run !== undefined; run = left.shift()) {
        const why = await whyNotMoved(moving, run, to);
        if (why === undefined) moved.add(run.id);
        else stayed.set(run.id, why);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, moveNext));
    if (!isLast) await pause(APART_MS);
  }
  return { moved: [...moved], stayed: [...stayed].map(([run, why]) => ({ run, why })) };
}

/** Undefined where it takes the release at its next turn, or begins with it: a run that waits for a place has not begun. */
async function whyNotMoved(moving: Moving, run: RunRecord, to: KnownRelease): Promise<string | undefined> {
  const { store, temporal, client } = moving;
  const { id } = run;
  // What load has taken from it the other release does not know of.
  if (run.degraded) return 'it began with less than its release gives, under load';
  try {
    const handle = temporal.workflow.getHandle(id);
    await handle.describe();
    const [from, messages] = await Promise.all([readManifest(store, run.release), client.run(id).transcript()]);
    const misfits = releaseMisfits({ from, to: to.manifest, messages, answers: 'owed' });
    if (misfits.length > 0) return misfits.join('; ');
    const request: TakeReleaseRequest = { release: to.release, plan: to.manifest.plan };
    await temporal.connection.withDeadline(Date.now() + ANSWER_MS, () =>
      handle.executeUpdate<void, [TakeReleaseRequest]>(UPDATE_NAMES.takeRelease, { args: [request] }),
    );
    return undefined;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    if (error instanceof WorkflowUpdateFailedError) return messageOf(error.cause ?? error);
    if (isUnanswered(error)) return 'no worker answered for it: it may be moved still, when one comes';
    return messageOf(error);
  }
}
