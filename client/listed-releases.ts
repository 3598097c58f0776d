// The releases of an agent with what is known of each: who takes it, who can run it, who released it.
import { allRefs, type ContentStore } from '../activities/store';
import { RUN_PREFIX } from '../activities/store/ref-names';
import { runRecordSchema } from '../workflows/contract/schemas/run-record';
import { WHOLE_SHARE, type AgentPointer } from '../workflows/contract/schemas/traffic';
import { namedBy, registeredReleases } from './releases';
import { workersOf } from './roll-back';

export interface ListedRelease {
  release: string;
  name: string | null;
  note: string | null;
  /** Null of one that was made by a save, or by a worker, and not by command. */
  releasedAt: number | null;
  by: string | null;
  /** Of new runs, from 0 to 1. */
  share: number;
  isWithdrawn: boolean;
  runs: { open: number; all: number };
  /** Workers that have its code loaded. */
  workers: number;
}

/** The current one first, then those that were released, the newest first. */
export async function listedReleases(store: ContentStore, pointer: AgentPointer): Promise<ListedRelease[]> {
  const { agent, candidate, withdrawn = [] } = pointer;
  const [registered, counts, workers] = await Promise.all([
    registeredReleases(store, agent),
    runsByRelease(store, agent),
    workersOf(store, agent),
  ]);
  const all = new Set([...namedBy(pointer), ...registered.map(({ release }) => release).reverse()]);
  return [...all].map((release) => {
    const known = registered.find((one) => one.release === release);
    const share = (candidate?.share ?? 0) / WHOLE_SHARE;
    return {
      release,
      name: known?.name ?? null,
      note: known?.note ?? null,
      releasedAt: known?.at ?? null,
      by: known?.by ?? null,
      share: release === pointer.release ? 1 - share : release === candidate?.release ? share : 0,
      isWithdrawn: withdrawn.includes(release),
      runs: counts.get(release) ?? { open: 0, all: 0 },
      workers: workers.filter(({ loaded }) => loaded.includes(release)).length,
    };
  });
}

async function runsByRelease(store: ContentStore, agent: string): Promise<Map<string, ListedRelease['runs']>> {
  const counts = new Map<string, ListedRelease['runs']>();
  for (const { value } of await allRefs(store, RUN_PREFIX)) {
    const { data } = runRecordSchema.safeParse(value);
    if (data?.agent !== agent) continue;
    const { open, all } = counts.get(data.release) ?? { open: 0, all: 0 };
    counts.set(data.release, { open: open + (data.ended ? 0 : 1), all: all + 1 });
  }
  return counts;
}
