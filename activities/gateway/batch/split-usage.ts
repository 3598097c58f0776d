// What one call has used, as what each of its tasks has used of it. Pure, and exact: the parts sum up to the whole.
import type { Usage } from '../../../workflows/contract/message';

/** Tokens of a task's own input and of its own part of the answer: what it is reckoned by. */
export interface TaskSize {
  input: number;
  output: number;
}

/** By the tasks' own tokens; what they share (instructions, schema) goes with their inputs. */
export function splitUsage(usage: Usage, tasks: readonly TaskSize[]): Usage[] {
  const input = split(
    usage.input,
    tasks.map((task) => task.input),
  );
  const output = split(
    usage.output,
    tasks.map((task) => task.output),
  );
  // A part of a part, so that no task has more of it than of the whole.
  const cachedInput = split(usage.cachedInput, input);
  const reasoning = split(usage.reasoning, output);
  const cacheWrite = split(usage.cacheWrite ?? 0, input);
  const cacheWriteHour = split(usage.cacheWriteHour ?? 0, cacheWrite);
  return tasks.map((_, at) => ({
    input: input[at] ?? 0,
    cachedInput: cachedInput[at] ?? 0,
    output: output[at] ?? 0,
    reasoning: reasoning[at] ?? 0,
    ...(cacheWrite[at] ? { cacheWrite: cacheWrite[at] } : {}),
    ...(cacheWriteHour[at] ? { cacheWriteHour: cacheWriteHour[at] } : {}),
    ...(usage.estimated ? { estimated: true as const } : {}),
  }));
}

/** Whole numbers in proportion: each is rounded down, and those with the largest remainders get one more. */
function split(total: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  const exact = weights.map((weight) => (sum === 0 ? total / weights.length : (total * weight) / sum));
  const parts = exact.map(Math.floor);
  const left = total - parts.reduce((all, part) => all + part, 0);
  const byRemainder = exact
    .map((value, at) => ({ at, remainder: value - Math.floor(value) }))
    .sort((one, other) => other.remainder - one.remainder || one.at - other.at);
  for (const { at } of byRemainder.slice(0, left)) parts[at] = (parts[at] ?? 0) + 1;
  return parts;
}
