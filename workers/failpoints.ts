// For drills and crash tests: stops a worker at an exact place, so that it can be killed there. Off unless asked for by name.
import { appendFileSync } from 'node:fs';
import type { Failpoint } from '../activities';

/**
 * @param plan `name:nth`, for example `store.before-put:3`; the worker writes the name into `file` the third time it comes by,
 *   and stands still there for good. Undefined: no failpoints.
 */
export function createFailpoints(
  plan: string | undefined,
  file: string | undefined,
): (name: Failpoint) => Promise<void> {
  if (plan === undefined) return () => Promise.resolve();
  const [wanted, nth = '1'] = plan.split(':');
  let left = Number(nth);
  return (name) => {
    if (name !== wanted || (left -= 1) !== 0) return Promise.resolve();
    if (file !== undefined) appendFileSync(file, `${name}\n`);
    return new Promise(() => undefined);
  };
}
