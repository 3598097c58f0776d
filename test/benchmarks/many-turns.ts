// A run of 1,000 turns of 2 KB each, across continue-as-new and compactions: what a turn takes at the end, beside what it took at the start.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { callsOf } from '../../activities/store/run-calls';
import type { RunHandle } from '../../client/run-handle';
import { script, startModelServer, type ModelRequest } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';
import { prose } from './prose';

export interface ManyTurns {
  outcome: string;
  turns: number;
  executions: number;
  compactions: number;
  /** Medians in milliseconds, from one model call's beginning to the next one's, by the turns they are of. */
  medians: { from: number; to: number; ms: number }[];
  /** The last 50 turns' median, as a share of that of turns 50 to 100. */
  ratio: number;
  seconds: number;
}

const PAGE_BYTES = 2_000;
const SHOWN = 50;

const isSummary = ({ messages }: ModelRequest): boolean =>
  messages.some(({ role, text }) => role === 'system' && text.startsWith('You condense'));

export interface LongRun {
  stack: TestStack;
  run: RunHandle<unknown>;
  /** Of the run. */
  seconds: number;
}

/** A run of so many turns with a tool call each, and one that answers, from which `use` takes what it needs. */
export async function withLongRun<T>(turns: number, use: (long: LongRun) => Promise<T>): Promise<T> {
  const page = defineTool({
    name: 'page',
    description: 'Reads a page.',
    input: z.object({ number: z.number() }),
    output: z.string(),
    effect: 'read',
    run: ({ number }) => prose(number + 1, PAGE_BYTES),
  });
  const reader = defineAgent({
    name: 'reader',
    instructions: 'Read.',
    tools: [page],
    limits: { turns: turns + 1, toolCalls: turns },
    context: { compact: { when: { messages: 80 }, keepLast: 20 } },
  });
  let asked = 0;
  const model = await startModelServer({
    respond: (request) => {
      if (isSummary(request)) return script().answer('Pages were read; none of them matters any more.').turnAt(0);
      const number = asked++;
      return (number < turns ? script().call('page', { number }) : script().answer('read')).turnAt(0);
    },
  });
  const stack = await startTestStack({ agents: [reader], modelUrl: model.url });
  try {
    const startedAt = Date.now();
    const run = await stack.client.agent<typeof reader>('reader').start('read it all', { id: 'many' });
    await run.result();
    return await use({ stack, run, seconds: (Date.now() - startedAt) / 1_000 });
  } finally {
    await stack.close();
    await model.close();
  }
}

export const manyTurns = (turns: number): Promise<ManyTurns> =>
  withLongRun(turns, async ({ stack, run, seconds }) => {
    const result = await run.result();
    const { ended } = await run.record();
    const { calls } = await callsOf(stack.store, ended?.firstRunId ?? '');
    const begins = calls.flatMap(({ record }) => (record.kind === 'model' ? [record.startedAt] : []));
    const steps = begins.slice(1).map((at, nth) => at - (begins[nth] ?? at));
    const medianOf = (from: number, to: number): number => median(steps.slice(from, to));
    const starts = [
      SHOWN,
      ...Array.from({ length: 8 }, (_, nth) => Math.round((turns * (nth + 1)) / 8) - SHOWN),
    ].filter((from, nth) => nth === 0 || from > SHOWN);
    let executions = 0;
    for await (const _ of stack.temporal.workflow.list({ query: "WorkflowId = 'many'" })) executions += 1;
    return {
      outcome: result.outcome,
      turns: result.totals.turns,
      executions,
      compactions: calls.filter(({ record }) => record.kind === 'compaction').length,
      medians: starts.map((from) => ({ from, to: from + SHOWN, ms: medianOf(from, from + SHOWN) })),
      ratio: medianOf(steps.length - SHOWN, steps.length) / medianOf(SHOWN, 2 * SHOWN),
      seconds,
    };
  });

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;
