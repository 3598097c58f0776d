// Loads a long chain in few round trips. Nodes are linked one by one, so following them costs a round trip each; for each run there
// stands an index of its whole conversation, written again with each new head, as the digits of a counter in base 16: up to 15
// message hashes, up to 15 segments of 16 messages, up to 15 segments of 16 such segments, and so on. Adding a message changes the
// last digit and now and then carries into a new segment; segments are immutable objects named by their hash, so forks share them.
// 1.5 KB a run on average, at any length, and a chain of 4,096 messages is read in four round trips.
//
// An index is a hint: who reads one recomputes the node hashes, so whatever it says, no head is answered with another conversation.
// It serves every head of the run: the earlier ones are among the nodes that it gives.
import { ApplicationFailure } from '@temporalio/common';
import { z } from 'zod';
import { canonicalJson } from './canonical-json';
import type { ContentStore } from './port';

/** Larger makes the index of each head larger, smaller makes cold loads deeper. */
export const SEGMENT_ITEMS = 16;

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const chainIndexSchema = z.object({
  schemaVersion: z.literal(1),
  /** The head whose conversation `levels` are. */
  head: hash,
  /** `levels[0]`: hashes of the newest messages. `levels[n]`: hashes of segments of level n. Each oldest first. */
  levels: z.array(z.array(hash).max(SEGMENT_ITEMS - 1)),
});
const segmentSchema = z.object({ items: z.array(hash).length(SEGMENT_ITEMS) });

/** `levels` of the schema. */
export type Levels = readonly (readonly string[])[];

export interface IndexedHead {
  head: string;
  levels: Levels;
}

export const chainIndexValue = ({ head, levels }: IndexedHead): unknown => ({ schemaVersion: 1, head, levels });

export function parseChainIndex(value: unknown): IndexedHead | undefined {
  const parsed = chainIndexSchema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

/** @returns the new levels, and the segments that came full on the way, named as the store will name them */
export function appendToLevels(
  store: Pick<ContentStore, 'nameOf'>,
  levels: Levels,
  messages: readonly string[],
): { levels: Levels; segments: Uint8Array[] } {
  const grown = levels.map((level) => [...level]);
  const segments: Uint8Array[] = [];
  for (const message of messages) {
    let carried = message;
    for (let at = 0; ; at++) {
      const level = (grown[at] ??= []);
      level.push(carried);
      if (level.length < SEGMENT_ITEMS) break;
      const segment = canonicalJson({ items: level.splice(0) });
      segments.push(segment);
      carried = store.nameOf(segment);
    }
  }
  return { levels: grown, segments };
}

/**
 * One round trip for each level above the lowest, of which nothing is kept yet.
 * @param kept segments that were read before, by name: they never change
 * @returns the hashes of all messages, oldest first; undefined when a segment is missing or is not one
 */
export async function expandLevels(
  levels: Levels,
  store: Pick<ContentStore, 'get'>,
  kept: KeptSegments = new Map(),
): Promise<string[] | undefined> {
  let items: string[] = [];
  for (const level of [...levels].reverse()) {
    const missing = items.filter((name) => kept.get(name) === undefined);
    const read = new Map<string, readonly string[]>();
    for (const [at, bytes] of (await getSegments(store, missing)).entries()) {
      const segment = segmentSchema.safeParse(parse(bytes));
      if (!segment.success) return undefined;
      read.set(missing[at] ?? '', segment.data.items);
      kept.set(missing[at] ?? '', segment.data.items);
    }
    items = [...items.flatMap((name) => read.get(name) ?? kept.get(name) ?? []), ...level];
  }
  return items;
}

/** By name. */
export interface KeptSegments {
  get(name: string): readonly string[] | undefined;
  set(name: string, items: readonly string[]): unknown;
}

async function getSegments(
  store: Pick<ContentStore, 'get'>,
  hashes: readonly string[],
): Promise<readonly Uint8Array[]> {
  if (hashes.length === 0) return [];
  try {
    return await store.get(hashes);
  } catch (error) {
    const type = error instanceof ApplicationFailure ? error.type : undefined;
    // The chain itself may be whole: the empty segment stands for "no use".
    if (type === 'Store.ObjectMissing' || type === 'Store.ObjectCorrupt') return [new Uint8Array()];
    throw error;
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
