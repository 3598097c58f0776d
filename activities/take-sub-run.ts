// What came of a sub-agent's run, as the answer to the call that began it: from the run's record, which outlives its history.
import { z } from 'zod';
import type { TakeSubRunInput, TakeSubRunResult } from '../workflows/contract/activities';
import { isBudgetFailure, type RunFailure } from '../workflows/contract/failures';
import type { Outcome } from '../workflows/contract/run';
import { runRecordSchema, type RunRecord } from '../workflows/contract/schemas/run-record';
import { asEdited, editedParts, personOf } from './approvals/decided-call';
import { findCallRecord } from './call-records';
import { releaseOf } from './counted';
import type { ActivityDeps, Attempt } from './deps';
import { failure } from './failure';
import { failureParts } from './failure-parts';
import { safeText } from './redact';
import { readCall } from './read-call';
import { readManifest } from './require-agent';
import { runRecordName } from './store/ref-names';
import { outputParts, type ToldOutput } from './tool-output';
import { keepResult, toolRecords } from './tool-records';
import { showRunEnd } from './tracing/run-end';
import { closeRun, recordUnrecordedEnd } from './unrecorded-end';

/** Repeating it finds the call's record, and of what another call has begun nothing is taken. @throws ApplicationFailure `Store.*` */
export async function takeSubRun(
  deps: ActivityDeps,
  input: TakeSubRunInput,
  attempt: Attempt,
): Promise<TakeSubRunResult> {
  const record = await endedRecord(deps, input, attempt);
  if (!record) return { kind: 'open' };
  const { totals } = record.ended;
  if (input.end && input.end.firstRunId === undefined) return { kind: 'failed', failure: input.end.failure, totals };
  const end = endOf(record);
  const found = await findCallRecord(toolRecords(deps, input));
  if (found.answer) return { kind: 'result', result: { ...found.answer.result, reused: true }, totals };

  const manifest = await readManifest(deps, input.agent, input.release);
  const onFailure = manifest.plan.tools[input.name]?.onFailure ?? 'tell-model';
  const told: ToldOutput =
    'failure' in end ? noAnswer(failureOf(input.name, end)) : await answerOf(deps, record, end.output);
  if (told.failure && onFailure !== 'tell-model') return { kind: 'failed', failure: told.failure, totals };

  const asked = await readCall(deps, input);
  const call = await asEdited(deps, input, asked);
  const person = personOf(input);
  const result = await keepResult(deps, input, {
    parts: [...editedParts(input, { asked, call, repeats: undefined }), ...told.parts],
    failure: told.failure?.type,
    made: {
      schemaVersion: 1,
      startedAt: record.startedAt,
      endedAt: deps.now(),
      attempt: attempt.number,
      worker: deps.worker,
      release: input.release,
    },
    version: found.version,
    objects: [],
    ...(person ? { person } : {}),
  });
  deps.metrics.toolCall({
    ...releaseOf(input),
    tool: input.name,
    outcome: told.failure?.type ?? 'ok',
    seconds: (deps.now() - record.startedAt) / 1000,
  });
  return { kind: 'result', result, totals };
}

/** As it has ended, by its own record or, where it recorded nothing, as Temporal has told it. Undefined while it goes on. */
async function endedRecord(
  deps: ActivityDeps,
  input: TakeSubRunInput,
  attempt: Attempt,
): Promise<EndedRecord | undefined> {
  const { run, end } = input;
  for (;;) {
    const ref = await deps.store.readRef(runRecordName(run));
    const record = runRecordSchema.safeParse(ref?.value).data;
    if (!ref || !record) throw failure('Store.ObjectMissing', `the record of run ${run} is gone, or is not readable.`);
    if (!isOf(record, input, attempt)) throw failure('Store.ObjectCorrupt', `run ${run} is not of this call.`);
    const { ended } = record;
    if (ended) {
      if (end) await closeRun(deps, run);
      return { ...record, ended };
    }
    if (!end) return undefined;
    const { firstRunId = '', failure: why } = end;
    const lost = { at: deps.now(), outcome: outcomeOf(why), failure: why, firstRunId };
    if (await recordUnrecordedEnd(deps.store, { record, version: ref.version }, lost)) showRunEnd(deps, { run });
  }
}

function outcomeOf({ type }: RunFailure): Outcome {
  if (type === 'Run.Cancelled') return 'cancelled';
  return isBudgetFailure(type) ? 'budget-exhausted' : 'failed';
}

const isOf = (
  { tenant, parent }: RunRecord,
  { key, tenant: asks }: TakeSubRunInput,
  { workflowId }: Attempt,
): boolean =>
  tenant === asks &&
  parent?.run === workflowId &&
  parent.firstRunId === key.run &&
  parent.turn === key.turn &&
  parent.index === key.index;

type EndedRecord = RunRecord & Required<Pick<RunRecord, 'ended'>>;
type End = { output: string } | { outcome: string; failure: RunFailure };

function endOf({ ended: { outcome, output, failure: why }, erased }: EndedRecord): End {
  if (outcome === 'completed' && output && !erased) return { output: output.hash };
  return { outcome, failure: why ?? { type: 'Runtime.Unexpected', message: erased ? 'erased' : 'not given' } };
}

/** Short, and without anything that was said: a history keeps it. */
const failureOf = (name: string, { outcome, failure: why }: { outcome: string; failure: RunFailure }): RunFailure => ({
  type: 'Tool.AgentFailed',
  message: safeText(`${name} gave no answer: ${outcome} (${why.type}: ${why.message})`),
});

const noAnswer = (why: RunFailure): ToldOutput => ({ parts: failureParts(why.type, why.message), failure: why });

/** Text as it was answered; of JSON also the files that it names. */
async function answerOf(deps: ActivityDeps, { agent, release }: RunRecord, hash: string): Promise<ToldOutput> {
  const [manifest, bytes] = await Promise.all([readManifest(deps, agent, release), deps.toolStore.getObject(hash)]);
  const text = new TextDecoder().decode(bytes);
  return outputParts(manifest.output ? z.json().parse(JSON.parse(text)) : text);
}
