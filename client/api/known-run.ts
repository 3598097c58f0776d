// A run that the caller may see. Another's is answered as one that does not exist.
import type { ContentStore } from '../../activities/store';
import { runRecordName } from '../../activities/store/ref-names';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { isReservedId } from '../reserved-ids';
import { isRunId } from '../run-labels';
import { seesRun, type Caller } from './caller';
import { Problem } from './problem';

export async function recordOf(store: ContentStore, id: string): Promise<RunRecord | undefined> {
  const ref = isRunId(id) && !isReservedId(id) ? await store.readRef(runRecordName(id)) : undefined;
  return ref && runRecordSchema.parse(ref.value);
}

export async function maySee(caller: Caller, store: ContentStore, run: RunRecord): Promise<boolean> {
  if (seesRun(caller, run)) return true;
  const { parent } = run;
  return parent !== undefined && seesRun(caller, run, (await recordOf(store, parent.root)) ?? run);
}

/** @throws Problem `Run.NotFound` */
export async function knownRun(caller: Caller, store: ContentStore, id: string): Promise<RunRecord> {
  const run = await recordOf(store, id);
  if (run && (await maySee(caller, store, run))) return run;
  throw new Problem('Run.NotFound', `there is no run "${id.slice(0, 80)}".`);
}
