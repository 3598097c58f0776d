// The calls of a run as a trace, by their records alone: no history is read, so a page of a thousand calls is there at once.
import { callsOf, type RunCall } from '../../activities/store/run-calls';
import type { ContentStore } from '../../activities/store';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { firstRunIdOf } from '../first-run';
import type { TraceSpan } from '../trace/trace-shapes';
import type { DrawnTrace } from './waterfall';

export async function recordedTrace(store: ContentStore, record: RunRecord): Promise<DrawnTrace> {
  const { id, agent, startedAt, ended } = record;
  const first = await firstRunIdOf(store, record);
  const { calls, unreadable } = first === undefined ? { calls: [], unreadable: 0 } : await callsOf(store, first);
  const root: TraceSpan = {
    ...{ id: 'run', parent: null, depth: 0, run: id, kind: 'run', name: agent },
    ...{ status: ended ? 'done' : 'open', startMs: startedAt, endMs: ended?.at ?? null },
  };
  const problems = unreadable === 0 ? [] : [`${unreadable} of its records cannot be read by this version.`];
  return { run: { id }, spans: [root, ...calls.map((call) => spanOf(id, call))], problems };
}

function spanOf(run: string, { number, fork, turn, index, record, asked }: RunCall): TraceSpan {
  const { startedAt, endedAt, attempt, worker, release } = record;
  const own = {
    ...{ id: `call-${number}`, parent: 'run', depth: 1, run, call: number, fork, turn, index },
    ...{ startMs: startedAt, endMs: endedAt, attempt, worker, release },
    ...(asked === undefined ? {} : { asked }),
  };
  if (record.kind === 'tool') {
    const { message, failure } = record.result;
    return {
      ...{ ...own, kind: 'tool', name: record.name, status: failure ? 'failed' : 'done', preview: message.preview },
      ...(failure ? { failure: { type: failure } } : {}),
    };
  }
  // Under way elsewhere.
  if (record.kind === 'started-tool') return { ...own, kind: 'tool', name: record.name, status: 'open', endMs: null };
  if (record.kind === 'compaction') {
    const { model, usage, cost, message } = record.result;
    return {
      ...{ ...own, kind: 'compaction', name: model, status: 'done', usage, preview: message.preview },
      ...(cost ? { cost } : {}),
    };
  }
  const { model, usage, cost, problem, messages } = record.answer;
  const preview = messages.at(-1)?.preview;
  return {
    ...{ ...own, kind: 'model', name: model, status: problem ? 'failed' : 'done', usage },
    ...(cost ? { cost } : {}),
    ...(problem ? { failure: problem } : {}),
    ...(preview === undefined ? {} : { preview }),
    ...(record.tried ? { tried: record.tried } : {}),
  };
}
