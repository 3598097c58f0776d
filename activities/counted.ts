// What is told of a step where it is counted.
import type { ActivityMetrics, Attempt, OfRelease } from './deps';

export const releaseOf = ({ agent, release }: OfRelease): OfRelease => ({ agent, release });

export function begunStep(
  of: OfRelease,
  { number, scheduledAt }: Attempt,
  kind: 'model' | 'tool',
  now: number,
): Parameters<ActivityMetrics['stepBegun']>[0] {
  // Two machines' clocks: the difference may be below nothing.
  const seconds = scheduledAt === undefined ? {} : { seconds: Math.max(0, now - scheduledAt) / 1_000 };
  return { ...releaseOf(of), kind, attempt: number, ...seconds };
}
