// An option that says how long ago.
import { InvalidArgumentError } from 'commander';

const MS = { h: 3_600_000, d: 86_400_000, w: 604_800_000 };
/** @returns milliseconds */
export const age = (value: string): number => {
  const [, number = '', unit = ''] = /^(\d{1,5})([hdw])$/.exec(value) ?? [];
  if (unit !== 'h' && unit !== 'd' && unit !== 'w')
    throw new InvalidArgumentError('it is a number with h, d or w, such as 90d.');
  return Number(number) * MS[unit];
};
