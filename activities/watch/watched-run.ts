// What is kept of an ended run to compare it with others: numbers, and names of tools and failures. Nothing that was said.
import { z } from 'zod';
import type { RunCall } from '../store/run-calls';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';

export const watchedRunSchema = z.object({
  schemaVersion: z.literal(1),
  id: z.string(),
  tenant: z.string(),
  release: z.string(),
  /** When it ended: milliseconds since the epoch. */
  at: z.number(),
  completed: z.boolean(),
  refused: z.boolean(),
  /** By name; one that nobody counted is absent. Milliseconds, bytes, billionths of a dollar. */
  values: z.record(z.string(), z.number()),
  /** Calls of each tool, and those of them that failed. */
  tools: z.record(z.string(), z.tuple([z.number(), z.number()])),
  /** Types of failure that came up in it, each once. */
  failures: z.array(z.string()),
});
export type WatchedRun = z.output<typeof watchedRunSchema>;

/** As many tools and types as one run is kept with: the names come from the model, where a tool is unknown. */
const NAMES_MOST = 60;

/** @param calls of all its forks @returns undefined of one that has not ended, or is erased */
export function watchedRun(record: RunRecord, calls: readonly RunCall[]): WatchedRun | undefined {
  const { ended, id, tenant, release, startedAt } = record;
  if (!ended || record.erased) return undefined;
  const { totals, outcome, failure, output, at } = ended;
  const { usage } = totals;
  const { tools, failures, repeats, errors } = ofCalls(calls);
  return {
    ...{ schemaVersion: 1, id, tenant, release, at, tools },
    completed: outcome === 'completed',
    refused: failures.includes('Model.Refused') || failure?.type === 'Model.Refused',
    values: {
      tokens: usage.input + usage.output,
      'input-tokens': usage.input,
      'output-tokens': usage.output,
      'cached-share': usage.input === 0 ? 0 : usage.cachedInput / usage.input,
      turns: totals.turns,
      'model-calls': totals.modelCalls,
      'tool-calls': totals.toolCalls,
      errors,
      repeats,
      duration: at - startedAt,
      ...(totals.cost ? { cost: totals.cost.nanoUsd } : {}),
      ...(output ? { 'answer-bytes': output.bytes } : {}),
    },
    failures: [...new Set([...failures, ...(failure ? [failure.type] : [])])].slice(0, NAMES_MOST),
  };
}

interface OfCalls {
  tools: WatchedRun['tools'];
  failures: string[];
  errors: number;
  /** How often the call was asked for that came most often, by its tool and its arguments' beginning. */
  repeats: number;
}

function ofCalls(calls: readonly RunCall[]): OfCalls {
  const tools = new Map<string, [number, number]>();
  const same = new Map<string, number>();
  const failures: string[] = [];
  for (const { record, asked } of calls) {
    if (record.kind === 'model' && record.answer.problem) failures.push(record.answer.problem.type);
    if (record.kind !== 'tool') continue;
    const { name, result } = record;
    const [made, failed] = tools.get(name) ?? [0, 0];
    if (tools.size < NAMES_MOST || made > 0) tools.set(name, [made + 1, failed + (result.failure ? 1 : 0)]);
    if (result.failure) failures.push(result.failure);
    const call = `${name} ${asked ?? ''}`;
    same.set(call, (same.get(call) ?? 0) + 1);
  }
  return {
    tools: Object.fromEntries(tools),
    failures,
    errors: failures.length,
    repeats: Math.max(0, ...same.values()),
  };
}
