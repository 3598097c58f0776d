// In which order a run prefers the entries of its route.
import { createHash } from 'node:crypto';
import { shadowedRun } from '../../../workflows/contract/names';
import type { ModelManifest } from '../../../workflows/contract/release';

/**
 * With weights each run draws its own order, and always the same one: a conversation stays with its provider, whose prompt cache holds
 * it. Drawn one after the other without putting back, each with the chance of its weight among those left (exponential keys,
 * Efraimidis and Spirakis 2006).
 * @param run id of the run
 */
export function preferredOrder({ route, plan }: Pick<ModelManifest, 'route' | 'plan'>, run: string): readonly string[] {
  const weights = plan?.weights;
  if (!weights || route.length < 2) return route;
  return route
    .map((name, at) => ({ name, key: -Math.log(shareOf(run, name)) / (weights[at] ?? 1) }))
    .sort((a, b) => a.key - b.key)
    .map(({ name }) => name);
}

/** Above 0 and below 1. A shadow draws as the run that it shadows. */
function shareOf(run: string, name: string): number {
  const drawn = createHash('sha256')
    .update(`${shadowedRun(run)}\n${name}`)
    .digest()
    .readUInt32BE(0);
  return (drawn + 0.5) / 2 ** 32;
}
