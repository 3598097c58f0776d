// Whether a store can be read: before what is not to be done to one that is damaged, and for whoever asks.
import type { ContentStore } from './port';

const PAGE = 1_000;

/**
 * Reads every ref and lists every object, and opens one of them.
 * @throws ApplicationFailure `Store.ObjectCorrupt`, `Store.KeyMissing`, `Store.Unavailable`
 */
export async function readThrough(store: ContentStore): Promise<void> {
  await toTheEnd((page) => store.listRefs('', page));
  await toTheEnd((page) => store.listObjects(page));
  await openOne(store);
}

async function openOne(store: ContentStore): Promise<void> {
  const [object] = await store.listObjects({ limit: 1 });
  if (!object) return;
  try {
    await store.get([object.name]);
  } catch (error) {
    const [isThere] = await store.has([object.name]);
    // Freed meanwhile by another collection.
    if (isThere) throw error;
  }
}

async function toTheEnd(list: (page: { after?: string; limit: number }) => Promise<{ name: string }[]>): Promise<void> {
  for (let after: string | undefined; ;) {
    const page = await list({ limit: PAGE, ...(after === undefined ? {} : { after }) });
    after = page.at(-1)?.name;
    if (page.length < PAGE) return;
  }
}
