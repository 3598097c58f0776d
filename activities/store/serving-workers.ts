// What workers that live say of themselves: who is there for shadows, and who is not.
import { servingSchema } from '../../workflows/contract/schemas/traffic';
import { allRefs } from './all-refs';
import type { ContentStore } from './port';
import { SERVING_PREFIX } from './ref-names';

export interface KnowShadows {
  /** Identities of workers that keep what a shadow asks for from being done. */
  knowing: string[];
  /** Of those that do not say so. */
  unknowing: string[];
}

export async function whoKnowsShadows(store: Pick<ContentStore, 'listRefs'>): Promise<KnowShadows> {
  const who: KnowShadows = { knowing: [], unknowing: [] };
  for (const { name, value } of await allRefs(store, SERVING_PREFIX)) {
    const serving = servingSchema.safeParse(value).data;
    const worker = serving?.worker ?? decodeURIComponent(name.slice(SERVING_PREFIX.length));
    (serving?.shadows ? who.knowing : who.unknowing).push(worker);
  }
  return who;
}

export const unknowingText = (worker: string): string =>
  `worker ${worker} does not say that it knows shadows, as none of an earlier version does: it would make their calls, and none begins while it is there.`;
