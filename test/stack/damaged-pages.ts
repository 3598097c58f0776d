// Damage to the file of an embedded store, as a disk or an interrupted copy leaves it.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PAGE_BYTES = 4096;
/** The first two tell where everything is: without them nothing opens. */
const FIRST = 2;

export interface Damage {
  /** By its number, and what it holds. */
  of(page: Buffer, at: number): boolean;
  to(page: Buffer, at: number): Buffer;
}

/** @returns how many pages were damaged */
export function damagePages(folder: string, { of, to }: Damage): number {
  const path = join(folder, 'data.mdb');
  const file = readFileSync(path);
  let damaged = 0;
  for (let at = FIRST; at < file.length / PAGE_BYTES; at++) {
    const page = file.subarray(at * PAGE_BYTES, (at + 1) * PAGE_BYTES);
    if (!of(page, at)) continue;
    to(Buffer.from(page), at).copy(page);
    damaged += 1;
  }
  writeFileSync(path, file);
  return damaged;
}

export function copyStore(from: string, to: string): string {
  cpSync(from, to, { recursive: true });
  return to;
}

const noise = (bytes: number, seed: number): Buffer => {
  let state = seed + 1;
  return Buffer.from(Array.from({ length: bytes }, () => (state = (state * 48_271) % 2_147_483_647) & 0xff));
};

/** No entries, and otherwise as it was. */
export function emptied(page: Buffer): Buffer {
  return Buffer.concat([page.subarray(0, 20), Buffer.of(0, 0), page.subarray(22)]);
}

const filled = (page: Buffer, at: number): Buffer => noise(page.length, at);
const zeroed = (page: Buffer): Buffer => Buffer.alloc(page.length);
/** One sector of eight. */
const begunWithNoise = (page: Buffer, at: number): Buffer => Buffer.concat([noise(512, at), page.subarray(512)]);
/** A page of fixed-size keys, which no table here has: an empty key is the end for lmdb-js. */
const ofFixedKeys = (page: Buffer): Buffer => Buffer.concat([page.subarray(0, 18), Buffer.of(0x22), page.subarray(19)]);
const ofAnotherPage = (page: Buffer, at: number): Buffer => Buffer.concat([Buffer.of(at + 1), page.subarray(1)]);

/** What becomes of a page: each in a way that LMDB takes for something else. */
export const KINDS: readonly Damage['to'][] = [filled, zeroed, begunWithNoise, emptied, ofFixedKeys, ofAnotherPage];
