// Recorded runs become workflows, for a queue or a session: all it hands over is their ids.
import type {
  RunToStart,
  StartRunsInput,
  StartRunsResult,
  StartedRun,
} from '../../workflows/contract/queue-activities';
import type { DegradeStep } from '../../workflows/contract/queue';
import type { RunFailure } from '../../workflows/contract/failures';
import type { AgentRunInput } from '../../workflows/contract/run';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { objectHash } from '../store';
import { readQueueSettings } from '../store/queue-settings';
import { recordFirst } from '../store/record-first';
import { runRecordName } from '../store/ref-names';
import { takenAgain } from '../store/taken-again';
import { closeRun, recordUnrecordedEnd } from '../unrecorded-end';
import { eachOf } from './each-of';
import type { ControlDeps } from './control-deps';
import { endedOf } from './ended-of';
import { degradedRelease, recordedInput } from './run-input';
import { sessionInput } from './session-input';
import { tellSession } from './tell-session';
import { cannotBeStarted } from './unstartable';

/** Repeating it changes nothing: a run that was started is found. @throws ApplicationFailure `Store.Unavailable`, for all of them */
export async function startRuns(deps: ControlDeps, { tells, runs, queue }: StartRunsInput): Promise<StartRunsResult> {
  const [started, settings] = await Promise.all([
    eachOf(runs, (run) => startOne(deps, tells, run)),
    readQueueSettings(deps.store, deps.taskQueue, queue.queue),
  ]);
  const degraded = runs.filter(({ step }) => step).length;
  deps.queueSeen?.(queue, { degraded, begun: runs.length - degraded });
  return { runs: started, ...(settings ? { settings } : {}) };
}

async function startOne(deps: ControlDeps, tells: string, { run, step }: RunToStart): Promise<StartedRun> {
  for (;;) {
    const ref = await deps.store.readRef(runRecordName(run));
    const read = runRecordSchema.safeParse(ref?.value);
    if (!ref || !read.success) return { run, kind: 'refused', failure: unreadable(run, ref !== undefined) };
    if (read.data.ended) return { kind: 'ended', ...endedOf(read.data, read.data.ended) };
    let record = read.data;
    try {
      const taken = await takenAgain(deps.store, record, async () => (await deps.executions.endOf(run)) !== 'unknown');
      record = taken?.record ?? record;
      if (step && !record.degraded) {
        const degraded = await withStep(deps, record, step, taken?.version ?? ref.version);
        if (!degraded) continue;
        record = degraded;
      }
      const input = await inputOf(deps, record, tells);
      const first = await deps.executions.start({ id: run, question: record.question, input });
      if (first !== undefined && input.carried)
        await recordFirst(deps.store.of(record.tenant), record, input.carried, first);
      return { run, kind: 'started' };
    } catch (error) {
      const reason = cannotBeStarted(error);
      if (!reason) throw error;
      // It may have been written above.
      const { version = 0 } = (await deps.store.readRef(runRecordName(run))) ?? {};
      const end = { at: deps.now(), outcome: 'failed' as const, failure: reason, firstRunId: '' };
      const ended = await recordUnrecordedEnd(deps.store, { record, version }, end);
      if (!ended) continue;
      await closeRun(deps, run);
      await tellSession(deps, ended);
      return { run, kind: 'refused', failure: reason };
    }
  }
}

/** As the run's tenant names things. */
function inputOf(deps: ControlDeps, record: RunRecord, tells: string): Promise<AgentRunInput> {
  const store = deps.store.of(record.tenant);
  return record.goesOnFrom
    ? sessionInput({ store, conversation: deps.conversation.of(record.tenant) }, record, tells)
    : recordedInput(store, record, tells);
}

/** Before it begins, so that a repeat starts it alike. @returns undefined where somebody else has written the record in between */
async function withStep(
  { store }: ControlDeps,
  record: RunRecord,
  { above, limits, route }: DegradeStep,
  version: number,
): Promise<RunRecord | undefined> {
  const release = route && (await degradedRelease(store, record, route));
  const value: RunRecord = {
    ...record,
    ...(release ? { release: objectHash(release) } : {}),
    degraded: { above, ...(limits ? { limits } : {}), ...(route ? { route } : {}) },
  };
  const { conflicts } = await store.commit({
    objects: release ? [release] : [],
    refs: [{ op: 'compare-and-set', name: runRecordName(record.id), version, value }],
  });
  return conflicts.length === 0 ? value : undefined;
}

const unreadable = (run: string, isThere: boolean): RunFailure =>
  isThere
    ? { type: 'Store.ObjectCorrupt', message: `the record of run ${run} is not readable.` }
    : { type: 'Store.ObjectMissing', message: `run ${run} is not recorded.` };
