// Chance that is the same every time.
import { createHash } from 'node:crypto';

/** @returns a whole number from 0, smaller than `below` */
export const seeded = (seed: string, below: number): number =>
  createHash('sha256').update(seed).digest().readUInt32BE(0) % below;
