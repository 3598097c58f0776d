// Needs no server. Histories that older versions wrote, as a trace reads them: runs like these are retained, and are looked at by today's code.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils';
import { loadDataConverter } from '@temporalio/common/lib/internal-non-workflow';
import type { HistoryEvent } from '../../client/trace/history-pages';
import { traceOf } from '../../client/trace/read-trace';
import { toldBy } from '../../client/trace/run-history';
import type { RunTrace, TraceSpan } from '../../client/trace/trace-shapes';
import { ACTIVITY_NAMES } from '../../workflows/contract/names';

const FOLDER = join(__dirname, 'histories');
/** Of runs: today's, and those from before a change of the workflow's code. */
const kept = readdirSync(FOLDER).filter((file) => /^(agent-run|before)-.*\.json$/.test(file));

const eventsOf = (file: string): readonly HistoryEvent[] =>
  historyFromJSON(JSON.parse(readFileSync(join(FOLDER, file), 'utf8'))).events ?? [];
async function* pages(events: readonly HistoryEvent[]): AsyncGenerator<readonly HistoryEvent[]> {
  for (let at = 0; at < events.length; at += 7) yield await Promise.resolve(events.slice(at, at + 7));
}

const usage = { input: 0, cachedInput: 0, output: 0, reasoning: 0 };
const totals = { turns: 0, modelCalls: 0, toolCalls: 0, reusedCalls: 0, usage };
/** Of a run whose records are gone, so that all of it comes from its history. */
async function traced(executions: readonly (readonly HistoryEvent[])[]): Promise<RunTrace> {
  const history = await toldBy(loadDataConverter({}), executions.map(pages));
  const about = { schemaVersion: 1 as const, id: 'run_kept', agent: 'a', release: 'r', tenant: 't', tags: [] };
  return traceOf({
    record: { ...about, input: 'i', question: 'q', startedAt: history.startedMs },
    ...{ status: 'running', firstRunId: 'first', calls: [], recorded: [], totals, live: undefined },
    ...{ unrecorded: undefined, asked: [], waiting: [], unreadable: 0, subRuns: [] },
    history: { ...history, isPartial: false },
  });
}
const traceIn = async (...names: string[]): Promise<RunTrace> =>
  await traced(names.map((name) => eventsOf(kept.find((file) => file.startsWith(name)) ?? name)));
const ofKind = ({ spans }: RunTrace, kind: TraceSpan['kind']): TraceSpan[] =>
  spans.filter((span) => span.kind === kind);

const CALLS: readonly string[] = [ACTIVITY_NAMES.callModel, ACTIVITY_NAMES.callTool, ACTIVITY_NAMES.compactContext];

test.each(kept)('%s: every call of it is told, with its place; every span stands behind its parent', async (file) => {
  const events = eventsOf(file);
  const names = events.flatMap((event) => event.activityTaskScheduledEventAttributes?.activityType?.name ?? []);
  const { calls } = await toldBy(loadDataConverter({}), [pages(events)]);
  expect(calls.map(({ activity }) => activity)).toEqual(names);
  for (const call of calls) {
    expect(call.label).not.toBe('');
    if (CALLS.includes(call.activity)) expect(call.key).toMatchObject({ turn: expect.any(Number) });
  }
  const { spans } = await traced([events]);
  expect(new Set(spans.map(({ id }) => id)).size).toBe(spans.length);
  spans.forEach(({ parent, depth }, at) => {
    const above = spans.slice(0, at).find(({ id }) => id === parent);
    expect(above?.depth).toBe(at === 0 ? undefined : depth - 1);
  });
});

test('a provider that asks for patience is waited for', async () => {
  expect(ofKind(await traceIn('agent-run-provider-asks-for-patience'), 'waiting')).toMatchObject([
    { waitsFor: 'provider', status: 'done', note: expect.stringContaining('Rate limit reached') },
  ]);
});

test('what people did, from a version that kept it in the history alone', async () => {
  const trace = await traceIn('agent-run-asked-steered-and-extended');
  expect(ofKind(trace, 'human').map(({ name }) => name)).toEqual(['said something to it', 'extended its limits']);
  const paused = ofKind(await traceIn('agent-run-paused-and-resumed'), 'paused');
  expect(paused).toMatchObject([{ status: 'done' }]);
});

test('two acts within a millisecond are two spans', async () => {
  const events = eventsOf(kept.find((file) => file.startsWith('agent-run-paused-and-resumed')) ?? '');
  const { spans } = await traced([
    events.flatMap((event) => (event.workflowExecutionSignaledEventAttributes ? [event, event] : [event])),
  ]);
  expect(spans.filter(({ kind }) => kind === 'human')).toHaveLength(2);
  expect(new Set(spans.map(({ id }) => id)).size).toBe(spans.length);
});

test('a failure that only a person can mend: paused until it was resumed', async () => {
  const trace = await traceIn('before-wait-for-store');
  expect(ofKind(trace, 'paused')).toMatchObject([{ status: 'done', note: expect.stringContaining('Store.') }]);
  expect(ofKind(trace, 'human')).toMatchObject([{ name: 'resumed' }]);
});

test('two executions of one run are one trace', async () => {
  const [first, second] = [
    await traceIn('agent-run-continued-as-new-1'),
    await traceIn('agent-run-continued-as-new-2'),
  ];
  const both = await traceIn('agent-run-continued-as-new-1', 'agent-run-continued-as-new-2');
  const turns = (trace: RunTrace): (number | undefined)[] => ofKind(trace, 'model').map(({ turn }) => turn);
  expect(turns(both)).toEqual([...turns(first), ...turns(second)]);
  expect(turns(both)).toEqual(turns(both).map((_, at) => at + 1));
});

test('a summary is a call, and that it had to be made a decision', async () => {
  const trace = await traceIn('agent-run-pruned-compacted-and-recalled');
  expect(ofKind(trace, 'compaction')).toMatchObject([{ turn: 5, status: 'done' }]);
  expect(ofKind(trace, 'decision')).toMatchObject([{ name: 'sums up first', turn: 5 }]);
});
