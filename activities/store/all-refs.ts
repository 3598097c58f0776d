import type { ContentStore, Ref } from './port';

/** Of one listing: what a store answers in one round trip. */
const PAGE = 1_000;

/** Every ref whose name starts with `prefix` and is behind `from`, in order of their names. All are in memory at once. */
export async function allRefs(store: Pick<ContentStore, 'listRefs'>, prefix: string, from?: string): Promise<Ref[]> {
  const refs: Ref[] = [];
  for (let after = from; ;) {
    const page = await store.listRefs(prefix, { limit: PAGE, ...(after === undefined ? {} : { after }) });
    refs.push(...page);
    after = page.at(-1)?.name;
    if (page.length < PAGE || after === undefined) return refs;
  }
}
