// A finding as somebody may see it who sees only some tenants' runs: of runs of all tenants together it is told to nobody of them.
import type { Finding } from '../workflows/contract/schemas/finding';

export type SeenFinding = Omit<Finding, 'since' | 'upTo' | 'isTold' | 'after'> & { after?: number };

/**
 * What is compared are the runs of all tenants together: whoever may see some tenants' alone is shown what single runs of theirs did, and
 * nothing of the others.
 * @param sees whether they see a tenant's runs; undefined of one who sees all
 */
export function seenFinding(
  { since: _, upTo: __, isTold: ___, ...finding }: Finding,
  sees: ((tenant: string) => boolean) | undefined,
): SeenFinding | undefined {
  if (!sees) return finding;
  const runs = finding.runs.filter(({ tenant }) => sees(tenant));
  if (finding.of !== 'run' || runs.length === 0) return undefined;
  const [first] = finding.runs;
  if (first && sees(first.tenant)) return { ...finding, runs };
  // Its number and its words are of the first run.
  const { after: _after, why: _why, ...others } = finding;
  return { ...others, runs };
}
