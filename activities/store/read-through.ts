// Whether a store can be read: before what is not to be done to one that is damaged, and for whoever asks.
import type { ContentStore } from './port';

const PAGE = 1_000;

/**
 * Reads every ref and lists every object.
 * @throws ApplicationFailure `Store.ObjectCorrupt`, `Store.KeyMissing`, `Store.Unavailable`
 */
export async function readThrough(store: ContentStore): Promise<void> {
  await toTheEnd((page) => store.listRefs('', page));
  await toTheEnd((page) => store.listObjects(page));
}

/** Opens one object, if there is any: whether the keys are those that it was sealed with. @throws as `readThrough` */
export async function openOne(store: ContentStore): Promise<void> {
  for (;;) {
    const [object] = await store.listObjects({ limit: 1 });
    // One whose file is gone is not there either: a run that needs it says so.
    const [isThere] = object ? await store.has([object.name]) : [];
    if (!object || !isThere) return;
    try {
      await store.get([object.name]);
      return;
    } catch (error) {
      // Deleted meanwhile, the next one will do.
      if ((await store.has([object.name]))[0]) throw error;
    }
  }
}

async function toTheEnd(list: (page: { after?: string; limit: number }) => Promise<{ name: string }[]>): Promise<void> {
  for (let after: string | undefined; ;) {
    const page = await list({ limit: PAGE, ...(after === undefined ? {} : { after }) });
    after = page.at(-1)?.name;
    if (page.length < PAGE) return;
  }
}
