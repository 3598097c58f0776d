// What is kept of an ended run to compare it with others: numbers, and names of tools and failures. Nothing that was said.
import { z } from 'zod';
import { busyMs, problemsIn, toolsIn, type ToolFacts } from '../store/call-facts';
import { totalsOf, type CallTotals, type RunCall } from '../store/run-calls';
import { CALL_TIME } from './traits';
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
  /** Of its own calls, without those of its sub-agents: as long as it is under way nothing else is known of it. */
  ownTokens: z.number().exactOptional(),
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
  const { ended, id, tenant, release } = record;
  if (!ended || record.erased) return undefined;
  const { totals, outcome, failure, output, at } = ended;
  const { usage } = totals;
  const used = toolsIn(calls);
  const failures = [...problemsIn(calls), ...Array.from(used.values(), (tool) => tool.failures).flat()];
  return {
    ...{ schemaVersion: 1, id, tenant, release, at, tools: countsOf(used) },
    ...(calls.length === 0 ? {} : { ownTokens: tokensOf(totalsOf(calls)) }),
    completed: outcome === 'completed',
    refused: failures.includes('Model.Refused') || failure?.type === 'Model.Refused',
    // Of one that has ended before it asked a model there is nothing to compare: it would make nothing what is usual.
    values:
      totals.modelCalls === 0 && calls.length === 0
        ? {}
        : {
            tokens: tokensOf(totals),
            'input-tokens': usage.input,
            'output-tokens': usage.output,
            'cached-share': usage.input === 0 ? 0 : usage.cachedInput / usage.input,
            turns: totals.turns,
            'model-calls': totals.modelCalls,
            'tool-calls': totals.toolCalls,
            errors: failures.length,
            repeats: repeatsIn(calls),
            [CALL_TIME]: busyMs(calls),
            ...(totals.cost ? { cost: totals.cost.nanoUsd } : {}),
            ...(output ? { 'answer-bytes': output.bytes } : {}),
          },
    failures: [...new Set([...failures, ...(failure ? [failure.type] : [])])].slice(0, NAMES_MOST),
  };
}

export const tokensOf = ({ usage }: Pick<CallTotals, 'usage'>): number => usage.input + usage.output;

const countsOf = (tools: ReadonlyMap<string, ToolFacts>): WatchedRun['tools'] =>
  Object.fromEntries(
    [...tools].slice(0, NAMES_MOST).map(([name, { ms, failures }]) => [name, [ms.length, failures.length]]),
  );

/** How often the call was asked for that came most often, by its tool and its arguments' beginning. */
function repeatsIn(calls: readonly RunCall[]): number {
  const same = new Map<string, number>();
  for (const { record, asked = '' } of calls) {
    if (record.kind !== 'tool') continue;
    const call = `${record.name} ${asked}`;
    same.set(call, (same.get(call) ?? 0) + 1);
  }
  return Math.max(0, ...same.values());
}
