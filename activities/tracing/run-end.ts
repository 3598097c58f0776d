// The span of a whole run, shown when its end is recorded: from the record, which knows all of it.
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import type { ActivityDeps } from '../deps';
import { runRecordName } from '../store/ref-names';
import { endAttributes, runAttributes } from './attributes';
import type { Tracing } from './port';
import { laterEndSpanId, waitSpanId } from './trace-ids';
import { traceOfRun } from './trace-of-run';

type EndDeps = Pick<ActivityDeps, 'store' | 'tracing'>;

interface EndedRun {
  run: string;
  /** When its first execution began, where it waited in a queue before: milliseconds since the epoch. */
  begunAt?: number | undefined;
  /** Of an execution that has ended a run which had an end already: it was reset. Its span is below that of the first end. */
  again?: string | undefined;
}

/** Never throws, and is not waited for. */
export function showRunEnd(deps: EndDeps, ended: EndedRun): void {
  const { tracing } = deps;
  tracing?.later(async () => {
    const ref = await deps.store.readRef(runRecordName(ended.run));
    const record = runRecordSchema.safeParse(ref?.value).data;
    if (record?.ended && !record.erased) await show({ store: deps.store, tracing }, record, record.ended, ended);
  });
}

async function show(
  deps: { store: EndDeps['store']; tracing: Tracing },
  record: RunRecord,
  end: NonNullable<RunRecord['ended']>,
  { begunAt, again }: EndedRun,
): Promise<void> {
  const { id: run, agent, queue } = record;
  // One that was never begun has done nothing, in no trace.
  if (end.firstRunId === '') return;
  const trace = await traceOfRun(deps, { run, firstRunId: end.firstRunId });
  if (!trace.isSampled) return;
  const { traceId, parentSpanId, spanId: first } = trace;
  const spanId = again === undefined ? first : laterEndSpanId(end.firstRunId, again);
  const parent = again === undefined ? parentSpanId : first;
  const attributes = runAttributes(run, record);
  const startedAt = Math.min(record.startedAt, end.at);
  if (queue && begunAt !== undefined && again === undefined)
    deps.tracing.ended({
      ...{ traceId, spanId: waitSpanId(spanId), parentSpanId: spanId, name: `queue ${queue.name}`, kind: 'internal' },
      ...{ startedAt, endedAt: Math.max(startedAt, begunAt) },
      attributes: { ...attributes, 'longhaul.queue': queue.name },
    });
  deps.tracing.ended({
    ...{ traceId, spanId, ...(parent === undefined ? {} : { parentSpanId: parent }) },
    ...{ name: `invoke_agent ${agent}`, kind: 'internal', startedAt, endedAt: end.at },
    attributes: { ...attributes, ...endAttributes(end) },
    ...(end.outcome === 'completed' ? {} : { failed: end.failure?.type ?? end.outcome }),
  });
}
