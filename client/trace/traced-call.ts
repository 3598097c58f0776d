// One call of a run, as a printed trace has it: from its record.
import type { RunCall } from '../../activities/store/run-calls';
import { addCosts, type Cost, type SpentDetails } from '../../workflows/contract/cost';
import type { Usage } from '../../workflows/contract/message';
import type { ModelRecord } from '../../workflows/contract/schemas/call-record';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { counted } from '../format';

export interface TracedCall {
  number: number;
  fork: number;
  turn: number;
  index: number;
  kind: Exclude<RunCall['record']['kind'], 'started-tool'>;
  /** The model as `provider/model`, or the tool. */
  name: string;
  asked: string | null;
  /** Milliseconds after the run's start. */
  offsetMs: number;
  durationMs: number;
  /** The one that succeeded, from 1. */
  attempt: number;
  worker: string;
  usage: Usage | null;
  /** Absent where nobody counted it; with what requests before the answer took. */
  cost?: Cost;
  preview: string;
  /** What was wrong with an answer, or how a tool failed. */
  failure: string | null;
  /** Of an answer from a call that was shared: how many tasks that had, and why this one was asked again alone. */
  batched: { of: number; alone: string | null } | null;
  /** Tools that had failed before this one stood in for them; of a model others of its route, which failed or were not asked. */
  failedBefore: { name: string; type: string }[];
  /** Of a model call that was given the answer of another: whose, when, what it took then, and whether its question was only near. */
  cached: { run: string; at: number; saved: Usage | null; near: boolean } | null;
  /** Whether the call was later answered from this record instead of being made again; null where no history tells. */
  reused: boolean | null;
}

export const callName = ({ fork, turn, index }: { fork: number; turn: number; index: number }): string =>
  `${fork}/${turn}/${index}`;

/** @param reused names of calls that were answered from their records; undefined where no history tells */
export function tracedCall(
  call: RunCall,
  { startedAt }: Pick<RunRecord, 'startedAt'>,
  reused: ReadonlySet<string> | undefined,
): TracedCall {
  const { record, number, fork, turn, index, asked } = call;
  const common = {
    number,
    fork,
    turn,
    index,
    offsetMs: record.startedAt - startedAt,
    durationMs: record.endedAt - record.startedAt,
    attempt: record.attempt,
    worker: record.worker,
    cached: cachedFrom(record),
    batched:
      record.kind === 'model' && record.batch ? { of: record.batch.of, alone: record.batch.alone ?? null } : null,
    failedBefore: failedBeforeOf(record),
    reused: reused ? reused.has(callName(call)) : null,
  };
  if (record.kind === 'tool') {
    const { message, failure } = record.result;
    const result = { usage: null, preview: message.preview, failure: failure ?? null };
    return { ...common, kind: 'tool', name: record.name, asked: asked ?? null, ...result };
  }
  if (record.kind === 'started-tool') {
    const preview = 'has begun work elsewhere, whose outcome is asked for';
    return { ...common, kind: 'tool', name: record.name, asked: asked ?? null, usage: null, preview, failure: null };
  }
  if (record.kind === 'compaction') {
    const { model, usage, covered } = record.result;
    const { first, last } = record.range;
    const preview = `sums up ${counted(covered, 'message')}, ${first} to ${last}`;
    return {
      ...{ ...common, kind: 'compaction', name: model, asked: null, usage, preview, failure: null },
      ...costOfCall(record.result),
    };
  }
  const { model, usage, messages, toolCalls, problem, pruned, notices } = record.answer;
  const preview =
    toolCalls.length > 0 ? `calls ${toolCalls.map(({ name }) => name).join(', ')}` : (messages[0]?.preview ?? '');
  const edit = pruned ? `leaves out ${counted(pruned.results, 'tool result')}; ` : '';
  const told = notices ? 'is warned first; ' : '';
  const shared = record.batch ? `${sharedText(record.batch)}; ` : '';
  return {
    ...common,
    kind: 'model',
    name: model,
    asked: null,
    usage,
    preview: `${edit}${told}${shared}${preview}`,
    failure: problem?.type ?? null,
    ...costOfCall(record.answer),
  };
}

function cachedFrom(record: RunCall['record']): TracedCall['cached'] {
  if (record.kind !== 'model' || !record.origin) return null;
  const { run, at, near = false } = record.origin;
  return { run, at, saved: record.answer.saved ?? null, near };
}

function costOfCall({ cost, unanswered }: { cost?: Cost; unanswered?: SpentDetails }): { cost?: Cost } {
  const all = addCosts(cost, unanswered?.cost);
  return all ? { cost: all } : {};
}

function failedBeforeOf(record: RunCall['record']): TracedCall['failedBefore'] {
  if (record.kind === 'tool') return record.failedBefore ?? [];
  return record.kind === 'model' || record.kind === 'compaction'
    ? (record.tried ?? []).map(({ route, failure }) => ({ name: route, type: failure }))
    : [];
}

export const sharedText = ({ item, of, alone }: NonNullable<ModelRecord['batch']>): string =>
  `task ${item} of a call for ${of}${alone ? `, asked again alone (${alone})` : ''}`;
