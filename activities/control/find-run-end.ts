// The end of a run that whoever started it has not been told of. Its record has it, or Temporal, and then the record is written here.
import type { RunEnded } from '../../workflows/contract/run-ended';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import type { ContentStore } from '../store/port';
import { headsOf, runRecordName } from '../store/ref-names';
import { closeRun, recordUnrecordedEnd } from '../unrecorded-end';
import type { ControlDeps } from './control-deps';

/** Undefined while it goes on. Repeating it changes nothing. @throws ApplicationFailure `Store.*` */
export async function findRunEnd(
  { store, executions, now }: Pick<ControlDeps, 'store' | 'executions' | 'now'>,
  run: string,
): Promise<RunEnded | undefined> {
  const found = await readRun(store, run);
  const recorded = found && endedOf(found.record);
  if (recorded) return recorded;
  const told = await executions.endOf(run);
  // Its last activity has written the record, or another look finds it.
  if (told === 'open' || told === 'completed') return undefined;
  // It waits for a place, or nobody has stored anything of it yet. What its queue makes of it is told.
  if (told === 'unknown' && found?.record.queue && !(await hasBegun(store, run))) return undefined;
  const end =
    told === 'unknown'
      ? {
          ...{ at: now(), outcome: 'failed' as const, firstRunId: '' },
          failure: { type: 'Runtime.Unexpected' as const, message: 'Temporal does not know the run any more.' },
        }
      : told;
  if (!found)
    return {
      ...{ run, outcome: end.outcome, failure: end.failure.type, head: null, length: 0 },
      ...{ startedAt: end.at, endedAt: end.at },
    };
  const written = await recordUnrecordedEnd(store, found, end);
  if (!written) return undefined;
  await closeRun({ store, now }, run);
  return endedOf(written);
}

const hasBegun = async (store: Pick<ContentStore, 'listRefs'>, run: string): Promise<boolean> =>
  (await store.listRefs(headsOf(run), { limit: 1 })).length > 0;

/** @returns the run's record, with the version of its ref */
export async function readRun(
  store: Pick<ContentStore, 'readRef'>,
  run: string,
): Promise<{ record: RunRecord; version: number } | undefined> {
  const ref = await store.readRef(runRecordName(run));
  return ref && { record: runRecordSchema.parse(ref.value), version: ref.version };
}

export function endedOf({ id, startedAt, ended }: RunRecord): RunEnded | undefined {
  if (!ended) return undefined;
  const { outcome, failure, head, length, at } = ended;
  return {
    ...{ run: id, outcome, head, length, startedAt, endedAt: at },
    ...(failure ? { failure: failure.type } : {}),
  };
}
