// After a crash: which runs are unfinished, what of them is kept, and what will be repeated. Temporal would find out by itself, by
// heartbeat timeouts; where the workers that died are known, telling it at once saves those seconds.
import { hostname } from 'node:os';
import { WorkflowNotFoundError, type Client, type WorkflowExecutionDescription } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { allRefs, type ContentStore } from '../activities/store';
import { OPEN_PREFIX, callsOfRun, openRunName, runRecordName } from '../activities/store/ref-names';
import { isAlive } from '../infra/temporal/process-identity';
import { runRecordSchema, type RunRecord } from '../workflows/contract/schemas/run-record';
import { recordNamesOf } from './scheduled-calls';

export interface UnfinishedRun {
  record: RunRecord;
  /** Calls whose record is stored: they are not made again. */
  kept: number;
  /** Calls that a dead worker had begun and not recorded: they are made again. */
  repeated: number;
}

export interface RecoverOptions {
  temporal: Client;
  namespace: string;
  store: ContentStore;
}

/** Each run asks the server a few questions: more at once would only wait there. */
const AT_ONCE = 32;

/** Lists unfinished runs, oldest first, and hands what dead workers held to the next worker. Safe beside living workers. */
export async function recoverRuns(options: RecoverOptions): Promise<UnfinishedRun[]> {
  const refs = await allRefs(options.store, OPEN_PREFIX);
  const found: UnfinishedRun[] = [];
  for (let at = 0; at < refs.length; at += AT_ONCE) {
    const runs = refs
      .slice(at, at + AT_ONCE)
      .map(({ name }) => recoverRun(options, decodeURIComponent(name.slice(OPEN_PREFIX.length))));
    found.push(...(await Promise.all(runs)).flatMap((run) => run ?? []));
  }
  return found.sort((a, b) => a.record.startedAt - b.record.startedAt);
}

async function recoverRun(
  { temporal, namespace, store }: RecoverOptions,
  id: string,
): Promise<UnfinishedRun | undefined> {
  const record = runRecordSchema.safeParse((await store.readRef(runRecordName(id)))?.value);
  const handle = temporal.workflow.getHandle(id);
  const description = await handle.describe().catch((error: unknown) => {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  });
  // Recorded and never started: its caller was told nothing, and starting the same id again goes on from here.
  if (!record.success || !description) return undefined;
  if (record.data.ended || description.status.name !== 'RUNNING') {
    if (record.data.ended) await store.deleteRef(openRunName(id));
    return undefined;
  }
  const firstRunId = description.raw.workflowExecutionInfo?.firstRunId || description.runId;
  const kept = (await allRefs(store, callsOfRun(firstRunId, 0))).length;
  const released = await releaseDead(temporal, namespace, description);
  return { record: record.data, kept, repeated: await unrecorded(store, temporal, description, released) };
}

/** A call that died between its record and its completion is found in the store, and not made again. */
async function unrecorded(
  store: ContentStore,
  temporal: Client,
  execution: { workflowId: string; runId: string },
  activityIds: readonly string[],
): Promise<number> {
  const names = await recordNamesOf(temporal, execution, activityIds);
  const records = await Promise.all(names.map((name) => store.readRef(name)));
  return records.filter((record) => record === undefined).length;
}

/** How Temporal names the state of a pending activity that a worker holds. */
const STARTED = 2;

/** Ids of the activities that dead workers held. */
async function releaseDead(
  temporal: Client,
  namespace: string,
  description: WorkflowExecutionDescription,
): Promise<string[]> {
  const { workflowId, runId } = description;
  // The next task of the run would wait on the dead worker's own queue.
  await temporal.workflowService.resetStickyTaskQueue({ namespace, execution: { workflowId, runId } });
  const held = (description.raw.pendingActivities ?? []).filter(
    (activity) => Number(activity.state) === STARTED && isDead(activity.lastWorkerIdentity ?? ''),
  );
  for (const { activityId } of held) {
    const lost = ApplicationFailure.create({
      type: 'Worker.Lost',
      message: 'the worker that ran this is gone.',
      nextRetryDelay: 1,
    });
    // It may have been timed out in between, and is then being retried anyway.
    await temporal.activity.fail({ workflowId, runId, activityId: activityId ?? '' }, lost).catch((error: unknown) => {
      if (!(error instanceof Error) || error.name !== 'ActivityNotFoundError') throw error;
    });
  }
  return held.map(({ activityId }) => activityId ?? '');
}

/** Only a worker of this machine can be known to be dead. */
function isDead(identity: string): boolean {
  const parts = /^(\d+)@(\S+) (.+)$/.exec(identity);
  const [, pid, host, startTime] = parts ?? [];
  if (pid === undefined || startTime === undefined || host !== hostname()) return false;
  return !isAlive({ pid: Number(pid), startTime });
}
