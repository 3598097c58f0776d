// Arithmetic on amounts: one number for each dimension.
import { DIMENSIONS, type Amounts } from './quota';

export const NOTHING: Amounts = DIMENSIONS.map(() => 0);

export const add = (one: Amounts, other: Amounts): number[] =>
  DIMENSIONS.map((_, at) => (one[at] ?? 0) + (other[at] ?? 0));
export const minus = (one: Amounts, other: Amounts): number[] =>
  DIMENSIONS.map((_, at) => (one[at] ?? 0) - (other[at] ?? 0));
export const times = (one: Amounts, factor: number): number[] => DIMENSIONS.map((_, at) => (one[at] ?? 0) * factor);
export const atLeastNothing = (one: Amounts): number[] => DIMENSIONS.map((_, at) => Math.max(0, one[at] ?? 0));
export const sum = (all: readonly Amounts[]): number[] => all.reduce<number[]>(add, [...NOTHING]);
