// What a provider says that a request took, as far as it can be.
import type { Usage } from '../../../workflows/contract/message';
import type { Amounts } from '../../../workflows/contract/quota';

/** More than any model reads or writes in one request. */
const TOKENS_MOST = 100_000_000;

/** A provider that reports nonsense is not believed: what was reserved counts. */
export function saneUsage(usage: Usage, reserved: Amounts): Usage {
  const isNumber = (value: number): boolean => value >= 0 && value <= TOKENS_MOST;
  const [, , input = 0, output = 0] = reserved;
  return {
    ...usage,
    input: isNumber(usage.input) ? usage.input : input,
    output: isNumber(usage.output) ? usage.output : output,
  };
}
