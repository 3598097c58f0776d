// Some turns of a run, as an option takes them.
import { InvalidArgumentError } from 'commander';

/** @throws InvalidArgumentError */
export const turnRange = (value: string): { from: number; to: number } => {
  const [, from = '', to = from] = /^([1-9]\d{0,6})(?:\.\.([1-9]\d{0,6}))?$/.exec(value) ?? [];
  if (from === '' || Number(to) < Number(from))
    throw new InvalidArgumentError('it is a turn, or two with dots between them, such as 3..5.');
  return { from: Number(from), to: Number(to) };
};
