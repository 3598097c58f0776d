// Sums of what requests took that brought no answer, with who was asked: so that each model's own cost is told, and how much of it is estimated.
import { addCosts, addSpent, addUsage, type AskedInVain, type SpentDetails } from '../../../workflows/contract/cost';

export function addInVain(a: SpentDetails | undefined, b: SpentDetails | undefined): SpentDetails | undefined {
  const sum = addSpent(a, b);
  if (!a || !b || !sum) return sum;
  // Of a part that does not say who was asked nobody knows it of the sum.
  return a.by && b.by ? { ...sum, by: merged([...a.by, ...b.by]) } : sum;
}

function merged(all: readonly AskedInVain[]): AskedInVain[] {
  const byModel = new Map<string, AskedInVain>();
  for (const one of all) {
    const name = `${one.answered ? 'answered' : 'estimated'} ${one.model}`;
    const before = byModel.get(name);
    byModel.set(name, before ? together(before, one) : one);
  }
  return [...byModel.values()];
}

function together(a: AskedInVain, b: AskedInVain): AskedInVain {
  const cost = addCosts(a.cost, b.cost);
  return {
    ...a,
    requests: a.requests + b.requests,
    spent: addUsage(a.spent, b.spent),
    ...(cost ? { cost } : {}),
  };
}
