// After a crash: which runs are unfinished, what of them is kept, and what will be repeated. Temporal would find out by itself, by
// heartbeat timeouts; where the workers that died are known, telling it at once saves those seconds.
import { hostname } from 'node:os';
import { WorkflowNotFoundError, type Client, type WorkflowExecutionDescription } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { allRefs, type ContentStore } from '../activities/store';
import { OPEN_PREFIX, callsOfRun, openRunName, runRecordName } from '../activities/store/ref-names';
import { isAlive, isOfThisBoot } from '../infra/temporal/process-identity';
import { runRecordSchema, type RunRecord } from '../workflows/contract/schemas/run-record';
import { recordEnd } from './record-end';
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
  /**
   * Whether no other worker can be alive, because the server has just been started here. Otherwise only runs whose worker is
   * provably dead are touched and listed: all others are somebody's, who is at work on them.
   */
  alone: boolean;
}

/** Each run asks the server a few questions: more at once would only wait there. */
const AT_ONCE = 32;

/** Lists unfinished runs, oldest first, and hands what dead workers held to the next worker. Safe beside living workers. */
export async function recoverRuns(options: RecoverOptions): Promise<UnfinishedRun[]> {
  const refs = await allRefs(options.store, OPEN_PREFIX);
  const found: UnfinishedRun[] = [];
  const seen = new Set<string>();
  let ids = refs.map(({ name }) => decodeURIComponent(name.slice(OPEN_PREFIX.length)));
  while (ids.length > 0) {
    for (const id of ids) seen.add(id);
    const below = new Set<string>();
    for (let at = 0; at < ids.length; at += AT_ONCE) {
      const runs = await Promise.all(ids.slice(at, at + AT_ONCE).map((id) => recoverRun(options, id)));
      for (const { run, waitsFor } of runs) {
        if (run) found.push(run);
        for (const id of waitsFor) below.add(id);
      }
    }
    // A sub-agent's run whose end is stored is not listed any more, and is waited for until Temporal knows of it.
    ids = [...below].filter((id) => !seen.has(id));
  }
  return withSubRuns(found).sort((a, b) => a.record.startedAt - b.record.startedAt);
}

/** What sub-agents have done counts for the uppermost run that is found: what is above it is in the hands of a living worker. */
export function withSubRuns(found: readonly UnfinishedRun[]): UnfinishedRun[] {
  const byId = new Map(found.map((run) => [run.record.id, run]));
  const topOf = ({ parent, id }: RunRecord): string => {
    const above = parent && (byId.get(parent.root) ?? byId.get(parent.run));
    return above ? topOf(above.record) : id;
  };
  const tops = new Map<string, UnfinishedRun>();
  for (const { record, kept, repeated } of found) {
    const top = byId.get(topOf(record))?.record ?? record;
    const sums = tops.get(top.id) ?? { kept: 0, repeated: 0 };
    tops.set(top.id, { record: top, kept: sums.kept + kept, repeated: sums.repeated + repeated });
  }
  return [...tops.values()];
}

interface Recovered {
  /** Where it is unfinished. */
  run?: UnfinishedRun;
  /** Ids of runs of its sub-agents that Temporal knows no end of. */
  waitsFor: readonly string[];
}

const NOTHING: Recovered = { waitsFor: [] };

async function recoverRun(options: RecoverOptions, id: string): Promise<Recovered> {
  const { temporal, store } = options;
  const ref = await store.readRef(runRecordName(id));
  const parsed = runRecordSchema.safeParse(ref?.value);
  if (!ref || !parsed.success) return NOTHING;
  const record = parsed.data;
  const handle = temporal.workflow.getHandle(id);
  const description = await handle.describe().catch((error: unknown) => {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  });
  // Until Temporal knows of the end it stays listed.
  if (record.ended && description?.status.name !== 'RUNNING') {
    await store.deleteRef(openRunName(id));
    return NOTHING;
  }
  // Recorded and never started: its caller was told nothing, and starting the same id again goes on from here.
  if (!description) return NOTHING;
  if (description.status.name !== 'RUNNING') {
    await recordEnd(store, { record, version: ref.version, handle, description });
    return NOTHING;
  }
  const waitsFor = (description.raw.pendingChildren ?? []).map(({ workflowId }) => workflowId ?? '');
  const held = heldByDead(options, description);
  if (!options.alone && held.length === 0 && !(await isLeftByDead(options, description))) return { waitsFor };
  const firstRunId = description.raw.workflowExecutionInfo?.firstRunId || description.runId;
  const kept = (await allRefs(store, callsOfRun(firstRunId, 0))).length;
  await release(options, description, held);
  // Nothing of it is made again but the telling.
  if (record.ended) return { waitsFor };
  const repeated = await unrecorded(store, temporal, description, held);
  return { run: { record, kept, repeated }, waitsFor };
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

/** Ids of the activities that dead workers hold. */
const heldByDead = ({ alone }: RecoverOptions, { raw }: WorkflowExecutionDescription): string[] =>
  (raw.pendingActivities ?? [])
    .filter(({ state, lastWorkerIdentity }) => Number(state) === STARTED && isDead(lastWorkerIdentity ?? '', alone))
    .map(({ activityId }) => activityId ?? '');

async function release(
  { temporal, namespace }: RecoverOptions,
  { workflowId, runId }: WorkflowExecutionDescription,
  held: readonly string[],
): Promise<void> {
  // The next task of the run would wait on the dead worker's own queue.
  await temporal.workflowService.resetStickyTaskQueue({ namespace, execution: { workflowId, runId } });
  for (const activityId of held) {
    const lost = ApplicationFailure.create({
      type: 'Worker.Lost',
      message: 'the worker that ran this is gone.',
      nextRetryDelay: 1,
    });
    // It may have been timed out in between, and is then being retried anyway.
    await temporal.activity.fail({ workflowId, runId, activityId }, lost).catch((error: unknown) => {
      if (!(error instanceof Error) || error.name !== 'ActivityNotFoundError') throw error;
    });
  }
}

/** The events since a run's last workflow task are few: what it waits for, and what it was sent. */
const LAST_EVENTS = 100;

/** Whether a dead worker was the last to advance the run: its next task waits on that worker's own queue. */
async function isLeftByDead(
  { temporal, namespace, alone }: RecoverOptions,
  { workflowId, runId }: WorkflowExecutionDescription,
): Promise<boolean> {
  const { history } = await temporal.workflowService.getWorkflowExecutionHistoryReverse({
    namespace,
    execution: { workflowId, runId },
    maximumPageSize: LAST_EVENTS,
  });
  const done = history?.events?.find((event) => event.workflowTaskCompletedEventAttributes);
  return isDead(done?.workflowTaskCompletedEventAttributes?.identity ?? '', alone);
}

/**
 * Only a worker of this machine can be known to be dead. Beside others not even the name of the machine proves that it is this
 * one, so the worker must also have been started since this machine was.
 */
function isDead(identity: string, alone: boolean): boolean {
  const parts = /^(\d+)@(\S+) (.+)$/.exec(identity);
  const [, pid, host, startTime] = parts ?? [];
  if (pid === undefined || startTime === undefined || host !== hostname()) return false;
  const worker = { pid: Number(pid), startTime };
  return !isAlive(worker) && (alone || isOfThisBoot(worker));
}
