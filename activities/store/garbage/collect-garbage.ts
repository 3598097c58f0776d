// Deletes objects that no ref names. Beside writers that run: an object goes only if two marks, a grace apart, both did not find it,
// and nobody has put it since the first of them began. Whoever writes a ref has put its objects not longer than an activity ago, or
// found them by another ref; the grace is longer than any activity, so the second mark sees what the first could not.
import { z } from 'zod';
import { canonicalJson } from '../canonical-json';
import type { ContentStore, StoredObject } from '../port';
import { readThrough } from '../read-through';
import { markAlive } from './mark-alive';
import { NameSet } from './name-set';

/** Longer than any activity takes, its retries on one worker included, and than a caller waits between putFile and start. */
export const GRACE_MS = 24 * 60 * 60 * 1_000;
/** What the last mark did not find. One for the store: of collectors that run at once, each uses a whole one. */
export const CANDIDATES_REF = 'gc/candidates';
const OBJECTS_PER_PAGE = 1_000;
const NAMES_PER_CHUNK = 32_000;
const NAME_BYTES = 32;
/** Put again by each collection: its last put is the store's own time, by which all puts are judged. */
const CLOCK = canonicalJson({ longhaul: 'clock of the garbage collection' });

const candidatesSchema = z.object({ schemaVersion: z.literal(1), at: z.number(), chunks: z.array(z.string()) });

export interface CollectOptions {
  /** In milliseconds. Shorter than the longest activity is unsafe. @default GRACE_MS */
  graceMs?: number;
  /** Deletes and writes no state, beside the object that tells the store's time. @default false */
  dryRun?: boolean;
  /** Names of refs that count as deleted: for a dry run of what deletes them first. */
  without?: ReadonlySet<string>;
  onMarked?(objects: number): void;
}

export interface Collected {
  /** Refs past their expiry that were deleted: answers that are not given any more, claims of workers that are gone. None by a dry run. */
  expired: number;
  /** Objects that are named. */
  alive: number;
  /** Deleted now, or with `dryRun` those that would be. */
  freed: { objects: number; bytes: number };
  /** No ref names them, and they wait for another mark. */
  waiting: { objects: number; bytes: number };
  /**
   * From when on a collection can free all that waits, if one notes before what none has noted yet: milliseconds since the epoch, by
   * the store's clock. Absent after a dry run where that is for one that is still to come: a dry run notes nothing.
   */
  nextAt?: number;
}

/** @throws ApplicationFailure `Store.KeyMissing`, `Store.ObjectCorrupt`, and nothing is deleted or written */
export async function collectGarbage(store: ContentStore, options: CollectOptions = {}): Promise<Collected> {
  const { graceMs = GRACE_MS, dryRun = false } = options;
  // Before anything is written: a store that is damaged is refused as it is, also where LMDB's own code would abort in the write.
  await readThrough(store);
  const expired = dryRun ? 0 : await store.deleteExpiredRefs();
  const clock = (await store.commit({ objects: [CLOCK] })).hashes[0] ?? '';
  const began = await lastPutOf(store, clock);
  const ref = await store.readRef(CANDIDATES_REF);
  const state = candidatesSchema.safeParse(ref?.value).data;
  const isDue = state !== undefined && began - state.at >= graceMs;
  const noted = await readNames(store, state?.chunks ?? []);
  const { names: alive, objects } = await markAlive(store, options);
  const isClockNamed = !alive.add(clock);

  const collected: Collected = {
    expired,
    alive: isClockNamed ? objects : objects + 1,
    freed: { objects: 0, bytes: 0 },
    waiting: { objects: 0, bytes: 0 },
  };
  let isAllNoted = true;
  const chunks: Uint8Array[] = [];
  let names: string[] = [];
  const keepChunk = (): void => {
    if (names.length > 0) chunks.push(Buffer.from(names.join(''), 'hex'));
    names = [];
  };
  for await (const page of pagesOf(store)) {
    const dead = page.filter(({ name }) => !alive.has(name));
    const isNoted = ({ name, lastPut }: StoredObject): boolean =>
      state !== undefined && lastPut < state.at && noted.has(name);
    const due = isDue ? dead.filter(isNoted) : [];
    isAllNoted &&= dead.every(isNoted);
    const gone = new Set(
      dryRun || !state || due.length === 0
        ? due.map(({ name }) => name)
        : await store.deleteObjects(
            due.map(({ name }) => name),
            state.at,
          ),
    );
    for (const { name, bytes } of dead) {
      const sum = gone.has(name) ? collected.freed : collected.waiting;
      sum.objects += 1;
      sum.bytes += bytes;
      if (!gone.has(name)) names.push(name);
      if (names.length === NAMES_PER_CHUNK) keepChunk();
    }
  }
  keepChunk();
  // Too early is no reason to begin anew: who collects every hour would never free anything.
  if (state && !isDue) return { ...collected, nextAt: state.at + (isAllNoted ? graceMs : 2 * graceMs) };
  if (dryRun) return collected;
  const value = { schemaVersion: 1, at: began, chunks: chunks.map((chunk) => store.nameOf(chunk)) };
  // A conflict is another collector's state, as good as this one.
  await store.commit({
    objects: chunks,
    refs: [
      ref
        ? { op: 'compare-and-set', name: CANDIDATES_REF, version: ref.version, value }
        : { op: 'create', name: CANDIDATES_REF, value },
    ],
  });
  return { ...collected, nextAt: began + graceMs };
}

async function lastPutOf(store: ContentStore, name: string): Promise<number> {
  const before = (BigInt(`0x${name}`) - 1n).toString(16).padStart(name.length, '0');
  const [found] = await store.listObjects({ after: before, limit: 1 });
  // Nobody deletes it: its last put is always newer than any candidate's.
  if (found?.name !== name) throw new Error(`the store does not list object ${name}, which was just put.`);
  return found.lastPut;
}

async function* pagesOf(store: ContentStore): AsyncGenerator<StoredObject[]> {
  for (let after: string | undefined; ;) {
    const page = await store.listObjects({ limit: OBJECTS_PER_PAGE, ...(after === undefined ? {} : { after }) });
    yield page;
    after = page.at(-1)?.name;
    if (page.length < OBJECTS_PER_PAGE) return;
  }
}

/** As bytes and not as text, so that a mark does not take what it lists for alive. */
async function readNames(store: ContentStore, chunks: readonly string[]): Promise<NameSet> {
  const names = new NameSet();
  for (const chunk of chunks) {
    const [bytes = new Uint8Array()] = await store.get([chunk]);
    const text = Buffer.from(bytes).toString('hex');
    for (let at = 0; at < text.length; at += NAME_BYTES * 2) names.add(text.slice(at, at + NAME_BYTES * 2));
  }
  return names;
}
