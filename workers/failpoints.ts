// For drills and crash tests: stops a worker at an exact place, so that it can be killed there. Off unless asked for by name.
import { appendFileSync } from 'node:fs';
import type { Failpoint } from '../activities';
import type { FailpointPlan } from './process-settings';

/** The worker writes the name into `file` the nth time it comes by, and stands still there for good. Undefined: no failpoints. */
export function createFailpoints(plan: FailpointPlan | undefined): (name: Failpoint) => Promise<void> {
  if (plan === undefined) return () => Promise.resolve();
  let left = plan.nth;
  return (name) => {
    if (name !== plan.name || (left -= 1) !== 0) return Promise.resolve();
    if (plan.file !== undefined) appendFileSync(plan.file, `${name}\n`);
    return new Promise(() => undefined);
  };
}
