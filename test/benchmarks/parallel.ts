// Five tools of one second in one turn, beside a turn with one of them: what is added to the second that they take.
import { setTimeout as after } from 'node:timers/promises';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { callsOf, type RunCall } from '../../activities/store/run-calls';
import { script, startModelServer } from '../kit/model-server';
import { startTestStack } from '../stack/test-stack';

export interface ParallelTurns {
  outcome: string;
  /** The most calls that were under way at once. */
  most: number;
  /** By how many tools a turn called, milliseconds of each such turn: from the model's answer to its next call, in order of size. */
  turns: { tools: number; ms: number[] }[];
}

export interface ParallelOptions {
  /** Of each kind. */
  turns: number;
  tools: number;
  toolMs: number;
}

/** Turns of one call and of several, one after the other, in one run. */
export async function parallelTurns({ turns, tools, toolMs }: ParallelOptions): Promise<ParallelTurns> {
  let [now, most] = [0, 0];
  const work = defineTool({
    name: 'work',
    description: 'Takes its time.',
    // Another number each time: the same question would be a loop.
    input: z.object({ number: z.number() }),
    output: z.number(),
    effect: 'read',
    run: async ({ number }) => {
      most = Math.max(most, (now += 1));
      await after(toolMs);
      now -= 1;
      return number;
    },
  });
  const worker = defineAgent({
    name: 'worker',
    instructions: 'Work.',
    tools: [work],
    limits: { turns: 2 * turns + 1, toolCalls: turns * (tools + 1) },
  });
  let asked = 0;
  const calls = (count: number): { calls: { name: string; args: { number: number } }[] } => ({
    calls: Array.from({ length: count }, () => ({ name: 'work', args: { number: (asked += 1) } })),
  });
  let said = script();
  for (let nth = 0; nth < turns; nth += 1) said = said.turn(calls(1)).turn(calls(tools));
  const model = await startModelServer({ script: said.answer('done') });
  const stack = await startTestStack({ agents: [worker], modelUrl: model.url });
  try {
    const run = await stack.client.agent<typeof worker>('worker').start('work', { id: 'parallel' });
    const { outcome } = await run.result();
    const { ended } = await run.record();
    const made = await callsOf(stack.store, ended?.firstRunId ?? '');
    return { outcome, most, turns: [1, tools].map((count) => ({ tools: count, ms: turnsWith(count, made.calls) })) };
  } finally {
    await stack.close();
    await model.close();
  }
}

function turnsWith(tools: number, calls: readonly RunCall[]): number[] {
  const models = calls.filter(({ record }) => record.kind === 'model');
  return models
    .flatMap(({ turn, record }, nth) => {
      const next = models[nth + 1];
      const made = calls.filter((call) => call.turn === turn && call.record.kind === 'tool').length;
      return next && made === tools ? [next.record.startedAt - record.endedAt] : [];
    })
    .sort((a, b) => a - b);
}
