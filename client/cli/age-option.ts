// An option that says how long ago.
import { InvalidArgumentError } from 'commander';
import { ageMs, ageQuery } from '../api/age-query';

/** @returns milliseconds */
export const age = (value: string): number => {
  if (ageQuery.safeParse(value).success) return ageMs(value);
  throw new InvalidArgumentError('it is a number with h, d or w, such as 90d.');
};
