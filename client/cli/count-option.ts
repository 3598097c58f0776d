import { InvalidArgumentError } from 'commander';

/** Of an option: a whole number from 1. */
export const count = (value: string): number => {
  const number = /^[1-9]\d*$/.test(value) ? Number(value) : NaN;
  if (!Number.isSafeInteger(number)) throw new InvalidArgumentError('it is a whole number from 1.');
  return number;
};
