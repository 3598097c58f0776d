// What the calls of one run come to: by tool, by failure, in time. In one place for the watch and for profiles.
import type { RunCall } from './run-calls';

export interface ToolFacts {
  /** How long each of its calls took, in their order. */
  ms: number[];
  /** Types of those that failed. */
  failures: string[];
}

/** By the tool's name, the first that was called first. A call of which nothing came yet is left out. */
export function toolsIn(calls: readonly RunCall[]): Map<string, ToolFacts> {
  const tools = new Map<string, ToolFacts>();
  for (const { record } of calls) {
    if (record.kind !== 'tool') continue;
    const tool = tools.get(record.name) ?? { ms: [], failures: [] };
    tools.set(record.name, tool);
    tool.ms.push(record.endedAt - record.startedAt);
    if (record.result.failure !== undefined) tool.failures.push(record.result.failure);
  }
  return tools;
}

/** Types of what was wrong with the model's answers. */
export const problemsIn = (calls: readonly RunCall[]): string[] =>
  calls.flatMap(({ record }) => (record.kind === 'model' && record.answer.problem ? [record.answer.problem.type] : []));

/** Time in which a call was under way: calls side by side count once, and waits for people, quota and workers not at all. */
export function busyMs(calls: readonly RunCall[]): number {
  const spans = calls.map(({ record }) => [record.startedAt, record.endedAt] as const).sort(([a], [b]) => a - b);
  let [busy, until] = [0, -Infinity];
  for (const [start, end] of spans) {
    busy += Math.max(0, end - Math.max(start, until));
    until = Math.max(until, end);
  }
  return busy;
}
