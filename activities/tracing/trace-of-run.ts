// In which trace a run is: its caller's, that of the run which has called it, or one of its own. From the run's record, so that nothing of it
// is in a history, and whoever goes on with the run finds it.
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import type { ContentStore } from '../store';
import { runRecordName } from '../store/ref-names';
import type { RunTrace, Tracing } from './port';
import { isSampledAt, parseTraceparent, runSpanId, subRunSpanId, traceIdOf } from './trace-ids';

interface TraceDeps {
  store: Pick<ContentStore, 'readRef'>;
  tracing: Pick<Tracing, 'runs' | 'sample'>;
}

/** Sub-agents may have sub-agents, and a record may say anything. */
const DEPTH_MOST = 20;

/**
 * @param firstRunId of the run's first execution
 * @throws ApplicationFailure `Store.*`
 */
export async function traceOfRun(
  deps: TraceDeps,
  { run, firstRunId }: { run: string; firstRunId: string },
  depth = 0,
): Promise<RunTrace> {
  const name = `${run}\n${firstRunId}`;
  const known = deps.tracing.runs.get(name);
  if (known) return known;
  const record = runRecordSchema.safeParse((await deps.store.readRef(runRecordName(run)))?.value).data;
  const trace = await found(deps, record, firstRunId, depth);
  deps.tracing.runs.set(name, trace);
  return trace;
}

async function found(
  deps: TraceDeps,
  record: Pick<RunRecord, 'traceparent' | 'parent'> | undefined,
  firstRunId: string,
  depth: number,
): Promise<RunTrace> {
  const spanId = runSpanId(firstRunId);
  const caller = record?.traceparent === undefined ? undefined : parseTraceparent(record.traceparent);
  if (caller) return { traceId: caller.traceId, spanId, parentSpanId: caller.spanId, isSampled: caller.isSampled };
  const parent = record?.parent;
  if (parent && depth < DEPTH_MOST) {
    const above = await traceOfRun(deps, parent, depth + 1);
    const parentSpanId = subRunSpanId({ run: parent.firstRunId, turn: parent.turn, index: parent.index });
    return { traceId: above.traceId, spanId, parentSpanId, isSampled: above.isSampled };
  }
  const traceId = traceIdOf(firstRunId);
  return { traceId, spanId, isSampled: isSampledAt(deps.tracing.sample, traceId) };
}
