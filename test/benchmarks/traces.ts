// How long it takes to assemble the trace of a run, by its calls, beside reading the same history and the same records and making nothing of them.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { allRefs } from '../../activities/store';
import { callsOfFirst } from '../../activities/store/ref-names';
import { executionsOf, pagesOf } from '../../client/trace/history-pages';
import { readTrace } from '../../client/trace/read-trace';
import { script, startModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';

export interface TraceFigures {
  /** Of the model and of tools. */
  calls: number;
  spans: number;
  /** Of its history, of all executions. */
  events: number;
  /** Milliseconds of each sample: records and history assembled, the same read alone; records assembled, the same read alone. */
  ms: { whole: number[]; wholeFloor: number[]; records: number[]; recordsFloor: number[] };
}

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({ at: z.number() }),
  output: z.string(),
  effect: 'read',
  run: ({ at }) => `page ${at}`,
});
const walker = defineAgent({
  ...{ name: 'walker', instructions: 'Look at all pages.', tools: [look], loops: false, context: false },
  limits: { turns: 2_000, toolCalls: 2_000 },
});

/** @param about.calls each of a run that is made for it @param about.samples of each time */
export async function traceFigures(about: { calls: readonly number[]; samples: number }): Promise<TraceFigures[]> {
  const model = await startModelServer({
    respond: ({ messages, assistantTurns }) =>
      assistantTurns < Number(messages.find(({ role }) => role === 'user')?.text)
        ? script().call('look', { at: assistantTurns }).turnAt(0)
        : script().answer('All are seen.').turnAt(0),
  });
  const stack = await startTestStack({ agents: [walker], modelUrl: model.url });
  const figures: TraceFigures[] = [];
  try {
    for (const calls of about.calls) {
      const run = await stack.client.agent<typeof walker>('walker').start(String(Math.floor(calls / 2)));
      await run.result();
      figures.push(await figuresOf(stack, run.id, about.samples));
    }
    return figures;
  } finally {
    await stack.close();
    await model.close();
  }
}

async function figuresOf({ store, temporal, client }: TestStack, id: string, samples: number): Promise<TraceFigures> {
  const record = await client.run(id).record();
  const readRecords = () => allRefs(store, callsOfFirst(record.ended?.firstRunId ?? ''));
  const readHistory = async (): Promise<number> => {
    let events = 0;
    for (const runId of (await executionsOf(temporal, id))?.runIds ?? [])
      for await (const page of pagesOf(temporal, id, runId)) events += page.length;
    return events;
  };
  const readAll = async (): Promise<void> => {
    await temporal.workflow.getHandle(id).describe();
    await readHistory();
    await readRecords();
  };
  const trace = await readTrace({ store, temporal }, record, { withinMs: 60_000 });
  const ms: TraceFigures['ms'] = { whole: [], wholeFloor: [], records: [], recordsFloor: [] };
  // In turns: what else the machine does then is in all of them.
  for (let nth = 0; nth < samples; nth += 1) {
    ms.wholeFloor.push(await took(readAll));
    ms.whole.push(await took(() => readTrace({ store, temporal }, record, { withinMs: 60_000 })));
    ms.recordsFloor.push(await took(readRecords));
    ms.records.push(await took(() => readTrace({ store }, record)));
  }
  const calls = trace.spans.filter(({ call }) => call !== undefined).length;
  return { calls, spans: trace.spans.length, events: await readHistory(), ms };
}

async function took(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}
