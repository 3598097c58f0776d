// The session that waits for a run which ended without having begun: nobody else tells it.
import { sessionWorkflowId } from '../../workflows/contract/names';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import type { ControlDeps } from './control-deps';
import { endedOf } from './find-run-end';

/** Told twice it is told once. */
export async function tellSession({ executions }: Pick<ControlDeps, 'executions'>, record: RunRecord): Promise<void> {
  const ended = endedOf(record);
  // Whoever starts a run may name a session: only those of its messages go on from something.
  if (ended && record.session !== undefined && record.goesOnFrom)
    await executions.tell(sessionWorkflowId(record.session), ended);
}
