// A wait for quota, for as long as the route has patience: whoever else can be asked is asked then.
import { ModelWaitError } from '../../model/model-wait-error';
import type { Admission, Caller, Expected, Quota } from '../ports';

/** When whoever was not waited for is asked again, where nobody else answers either. */
const COME_BACK_MS = 5_000;

/**
 * @param patienceMs undefined: as long as the quota itself lets a call wait
 * @throws ModelWaitError once it is over, and what `admit` throws
 */
export async function admitWithin(
  quota: Quota,
  { route, expected, caller }: { route: string; expected: Expected; caller: Caller },
  patienceMs: number | undefined,
  now: () => number,
): Promise<Admission> {
  if (patienceMs === undefined) return await quota.admit(route, expected, caller);
  const over = new AbortController();
  const why = (): ModelWaitError =>
    new ModelWaitError(now() + COME_BACK_MS, `no quota for ${route} within ${patienceMs} ms`);
  const timer = setTimeout(() => over.abort(why()), patienceMs);
  try {
    const signal = AbortSignal.any([caller.signal, over.signal]);
    return await quota.admit(route, expected, { ...caller, patienceMs, signal });
  } finally {
    clearTimeout(timer);
  }
}
