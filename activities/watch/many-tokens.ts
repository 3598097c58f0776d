// One run that has taken many times what its agent's runs usually take.
import type { OddRun } from './keep-finding';

export type WhichRun = Pick<OddRun, 'agent' | 'release' | 'tenant' | 'run'>;

/** @param tokens of the run's own calls, as `usually` is @returns undefined of one that has not taken so many */
export function manyTokens(
  which: WhichRun,
  { tokens, usually, times }: { tokens: number; usually: number; times: number },
): OddRun | undefined {
  const usual = Math.max(1, usually);
  if (tokens < times * usual) return undefined;
  return {
    ...{ ...which, metric: 'run-tokens', before: usually, after: tokens },
    why: `a run under way has taken ${Math.floor(tokens / usual)} times the tokens that runs of this agent usually take.`,
  };
}
