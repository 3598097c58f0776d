// The same short tasks with a call each and with shared calls: requests and tokens at the provider, on the embedded server.
import { z } from 'zod';
import { defineAgent } from '../../activities/define';
import { printTable } from '../../infra/drills/print-table';
import { script, startModelServer, type ModelRequest, type ScriptTurn } from '../kit/model-server';
import { startTestStack } from '../stack/test-stack';

export interface BatchFigures {
  what: string;
  completed: number;
  requests: number;
  /** As the provider counts them. */
  input: number;
  output: number;
  seconds: number;
}

/** A page, as short tasks have: what each call reads anew, and a shared one once. */
const INSTRUCTIONS = Array.from(
  { length: 60 },
  (_, at) => `Rule ${at + 1}: a message that speaks of matter ${at + 1} has the label L${at + 1}.`,
).join('\n');
const output = z.strictObject({ label: z.string() });
const define = (name: string, more: Pick<Parameters<typeof defineAgent>[0], 'batch'>) =>
  defineAgent({ name, instructions: INSTRUCTIONS, output, ...more });

const item = z.object({ item: z.number(), input: z.string() });

/** Labels what it is asked, in the form that it is asked for. */
export function label({ messages }: ModelRequest): ScriptTurn {
  const { text = '' } = messages.at(-1) ?? {};
  const [first = '', ...lines] = text.split('\n');
  const labelOf = (input: string): { label: string } => ({ label: `of ${input}` });
  if (!/^\d+ tasks:$/.test(first)) return script().answer(labelOf(text)).turnAt(0);
  const items = lines.map((line) => item.parse(JSON.parse(line)));
  const answers = items.map(({ item: number, input }) => ({ item: number, answer: labelOf(input) }));
  return script().answer({ answers }).turnAt(0);
}

export async function batchFigures(runs: number, size: number): Promise<BatchFigures[]> {
  const agents = [define('single', {}), define('batched', { batch: { size, delay: '1s' } })];
  // A provider's own time, so that runs wait for it side by side as they do for a real one.
  const model = await startModelServer({ respond: label, delayMs: 300 });
  const stack = await startTestStack({ agents, modelUrl: model.url });
  const figures: BatchFigures[] = [];
  try {
    for (const { name } of agents) {
      model.reset();
      const startedAt = performance.now();
      const started = await Promise.all(
        Array.from({ length: runs }, (_, at) =>
          stack.client.agent(name).start(`message ${at} of matter ${at % 60}`, { id: `${name}-${at}` }),
        ),
      );
      const results = await Promise.all(started.map((run) => run.result()));
      const { requests, tokens } = model.counts();
      figures.push({
        what: name === 'single' ? 'a call for each' : `up to ${size} in a call`,
        completed: results.filter(({ outcome }) => outcome === 'completed').length,
        ...{ requests, input: tokens.input, output: tokens.output },
        seconds: (performance.now() - startedAt) / 1000,
      });
    }
    return figures;
  } finally {
    await stack.close();
    await model.close();
  }
}

export async function printBatch(isShort: boolean): Promise<void> {
  const made = await batchFigures(isShort ? 40 : 200, 20);
  console.log('Short tasks, all started at once; tokens as the model server counts them:');
  printTable(
    ['', 'completed', 'requests', 'tokens in', 'tokens out', 's'],
    made.map(({ what, completed, requests, input, output: written, seconds }) => [
      what,
      ...[completed, requests, input, written].map(String),
      seconds.toFixed(1),
    ]),
  );
}
