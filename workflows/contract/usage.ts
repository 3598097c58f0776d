// Sums of tokens.
import type { Usage } from './message';

/** Fields that need not be there are there where they say something. */
export function addUsage(a: Usage, b: Usage): Usage {
  const cacheWrite = (a.cacheWrite ?? 0) + (b.cacheWrite ?? 0);
  const cacheWriteHour = (a.cacheWriteHour ?? 0) + (b.cacheWriteHour ?? 0);
  return {
    input: a.input + b.input,
    cachedInput: a.cachedInput + b.cachedInput,
    output: a.output + b.output,
    reasoning: a.reasoning + b.reasoning,
    ...(cacheWrite > 0 ? { cacheWrite } : {}),
    ...(cacheWriteHour > 0 ? { cacheWriteHour } : {}),
    ...(a.estimated || b.estimated ? { estimated: true } : {}),
  };
}
