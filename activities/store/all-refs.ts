import type { ContentStore, Ref } from './port';

/** Of one listing: what a store answers in one round trip. */
const PAGE = 1_000;

/** Every ref whose name starts with `prefix` and is behind `from`, in order of their names. All are in memory at once. */
export async function allRefs(store: Pick<ContentStore, 'listRefs'>, prefix: string, from?: string): Promise<Ref[]> {
  const refs: Ref[] = [];
  for await (const page of refPages(store, prefix, { from })) refs.push(...page);
  return refs;
}

/** The same page by page, of which one is in memory at once. @param options.size of a page */
export async function* refPages(
  store: Pick<ContentStore, 'listRefs'>,
  prefix: string,
  { from, size = PAGE }: { from?: string | undefined; size?: number } = {},
): AsyncGenerator<readonly Ref[]> {
  for (let after = from; ;) {
    const page = await store.listRefs(prefix, { limit: size, ...(after === undefined ? {} : { after }) });
    yield page;
    after = page.at(-1)?.name;
    if (page.length < size || after === undefined) return;
  }
}
