// An amount of money on the command line.
import { InvalidArgumentError } from 'commander';
import { nanoUsdOf } from '../../activities/define/agent-limits';

/** @returns billionths of a dollar */
export const usd = (value: string): number => {
  try {
    return nanoUsdOf(/^\d*\.?\d+$/.test(value) ? Number(value) : NaN, 'it');
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : 'it is a number of dollars.');
  }
};
