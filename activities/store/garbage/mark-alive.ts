// What is alive: every name of an object that stands anywhere in a ref, and in turn in the objects so named. Conservative: whatever
// looks like a name is one, so a new kind of record needs no word here.
import { ApplicationFailure } from '@temporalio/common';
import type { ContentStore } from '../port';
import { NameSet } from './name-set';

const NAME = /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g;
const REFS_PER_PAGE = 500;
/** Objects in memory at once: most are a few KB, a file may have 12 MB. */
const OBJECTS_PER_GET = 32;

export interface MarkOptions {
  /** Names of refs that count as deleted. */
  without?: ReadonlySet<string>;
  onMarked?(objects: number): void;
}

export interface Marked {
  /** Names of objects, and whatever looks like one. */
  names: NameSet;
  /** Those that are there. */
  objects: number;
}

/**
 * @throws ApplicationFailure `Store.KeyMissing`, `Store.ObjectCorrupt`: what cannot be read may name anything, so nothing may be
 * called garbage
 */
export async function markAlive(store: ContentStore, { without, onMarked }: MarkOptions = {}): Promise<Marked> {
  const alive: Marked = { names: new NameSet(), objects: 0 };
  for (let after: string | undefined; ;) {
    const page = await store.listRefs('', { limit: REFS_PER_PAGE, ...(after === undefined ? {} : { after }) });
    const values = page.flatMap(({ name, value }) => (without?.has(name) ? [] : [value]));
    await follow(store, alive, namesIn(JSON.stringify(values)), onMarked);
    after = page.at(-1)?.name;
    if (page.length < REFS_PER_PAGE) return alive;
  }
}

const namesIn = (text: string): string[] => text.match(NAME) ?? [];

/** Depth first, so that what waits is about one chain and not all of them. */
async function follow(
  store: ContentStore,
  alive: Marked,
  roots: readonly string[],
  onMarked?: (objects: number) => void,
): Promise<void> {
  const waiting = roots.filter((name) => alive.names.add(name));
  while (waiting.length > 0) {
    const found = await existing(store, waiting.splice(-OBJECTS_PER_GET));
    alive.objects += found.length;
    for (const bytes of found) {
      for (const name of namesIn(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'))) {
        if (alive.names.add(name)) waiting.push(name);
      }
    }
    onMarked?.(alive.objects);
  }
}

/** What looks like a name need not be one. Asked again where an object went between the two questions. */
async function existing(store: ContentStore, names: readonly string[]): Promise<Uint8Array[]> {
  for (;;) {
    const found = await store.has(names);
    try {
      return await store.get(names.filter((_, at) => found[at]));
    } catch (error) {
      if (!isMissing(error)) throw error;
      const now = await store.has(names);
      if (now.every((is, at) => is === found[at])) throw error;
    }
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof ApplicationFailure && error.type === 'Store.ObjectMissing';
