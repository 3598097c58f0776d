// The releases of an agent with what is known of each: who takes it, who can run it, who released it.
import type { ContentStore } from '../activities/store';
import { refPages } from '../activities/store/all-refs';
import { RUN_PREFIX, runRecordName } from '../activities/store/ref-names';
import { indexedRuns } from '../activities/store/run-index';
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
export async function listedReleases(
  store: ContentStore,
  pointer: AgentPointer,
): Promise<{ releases: ListedRelease[]; isPartial: boolean }> {
  const { agent, candidate, withdrawn = [] } = pointer;
  const [registered, { counts, isPartial }, workers] = await Promise.all([
    registeredReleases(store, agent),
    runsByRelease(store, agent),
    workersOf(store, agent),
  ]);
  const all = new Set([...namedBy(pointer), ...registered.map(({ release }) => release).reverse()]);
  const releases = [...all].map((release): ListedRelease => {
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
  return { releases, isPartial };
}

/** Newest first; of more than that the older ones are not counted, and it is said. */
const RUNS_READ = 5_000;
const AT_ONCE = 50;

type Counts = Map<string, ListedRelease['runs']>;

/** Read page by page, and of the agent's own runs alone: however many runs a store keeps, a part of them is in memory. */
async function runsByRelease(store: ContentStore, agent: string): Promise<{ counts: Counts; isPartial: boolean }> {
  const counts: Counts = new Map();
  let read = 0;
  for await (const names of runNamesOf(store, agent)) {
    const records = await Promise.all(names.map((name) => store.readRef(name)));
    for (const record of records) {
      const { data } = runRecordSchema.safeParse(record?.value);
      if (data?.agent !== agent) continue;
      read += 1;
      const { open, all } = counts.get(data.release) ?? { open: 0, all: 0 };
      counts.set(data.release, { open: open + (data.ended ? 0 : 1), all: all + 1 });
    }
    if (read >= RUNS_READ) return { counts, isPartial: true };
  }
  return { counts, isPartial: false };
}

async function* runNamesOf(store: ContentStore, agent: string): AsyncGenerator<string[]> {
  const indexed = await indexedRuns(store);
  if (!indexed) {
    // Older than the index, which the next worker makes.
    for await (const page of refPages(store, RUN_PREFIX)) yield page.map(({ name }) => name);
    return;
  }
  // A run may have two entries for a moment.
  let names = new Set<string>();
  for await (const run of indexed) {
    if (run.agent === agent) names.add(runRecordName(run.id));
    if (names.size < AT_ONCE) continue;
    yield [...names];
    names = new Set();
  }
  yield [...names];
}
