// Runs that leave their queue without having begun: their records say why.
import type { EndWaitingInput } from '../../workflows/contract/queue-activities';
import type { LeavingRun } from '../../workflows/contract/queue';
import { runRecordSchema } from '../../workflows/contract/schemas/run-record';
import { runRecordName } from '../store/ref-names';
import { closeRun, recordUnrecordedEnd } from '../unrecorded-end';
import type { ControlDeps } from './control-deps';
import { eachOf } from './each-of';
import { tellSession } from './tell-session';

export async function endWaiting(deps: ControlDeps, { runs, queue }: EndWaitingInput): Promise<void> {
  await eachOf(runs, (run) => endOne(deps, run));
  deps.queueSeen?.(queue, { left: runs.map(({ failure }) => failure.type) });
}

async function endOne(deps: ControlDeps, { run, at, outcome, failure }: LeavingRun): Promise<void> {
  for (;;) {
    const ref = await deps.store.readRef(runRecordName(run));
    const read = runRecordSchema.safeParse(ref?.value);
    if (!ref || !read.success) return;
    if (!read.data.ended && !read.data.erased) {
      // Its agent may have had no queue when it was asked for first: then it goes on, and ends by itself.
      if ((await deps.executions.endOf(run)) !== 'unknown') return;
      const end = { at, outcome, failure, firstRunId: '' };
      const ended = await recordUnrecordedEnd(deps.store, { record: read.data, version: ref.version }, end);
      if (!ended) continue;
      await closeRun(deps, run);
      return await tellSession(deps, ended);
    }
    await closeRun(deps, run);
    return await tellSession(deps, read.data);
  }
}
