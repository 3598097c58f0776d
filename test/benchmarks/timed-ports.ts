// Ports that say how long their callers waited for them.
import type { ModelProvider } from '../../activities/model/provider';
import type { ContentStore } from '../../activities/store';

/** Milliseconds of one call. */
export interface Spans {
  reads: number;
  commit: number;
  /** From the request's making to the answer's last piece. */
  provider: number;
  /** How often the store's port was crossed. */
  readTrips: number;
  commits: number;
}

interface SpanClock {
  reset(): void;
  taken(): Spans;
  add(span: keyof Spans, ms: number): void;
}

const NONE: Spans = { reads: 0, commit: 0, provider: 0, readTrips: 0, commits: 0 };

export function spansOf(): SpanClock {
  let spans = { ...NONE };
  return {
    reset: () => void (spans = { ...NONE }),
    taken: () => ({ ...spans }),
    add: (span, ms) => void (spans[span] += ms),
  };
}

const timed = async <T>(clock: SpanClock, span: keyof Spans, work: () => Promise<T>): Promise<T> => {
  const from = performance.now();
  try {
    return await work();
  } finally {
    clock.add(span, performance.now() - from);
    if (span !== 'provider') clock.add(span === 'reads' ? 'readTrips' : 'commits', 1);
  }
};

/** Reads that wait for one another side by side count as often as there are. */
export const timedStore = (store: ContentStore, clock: SpanClock): ContentStore => ({
  ...store,
  of: (tenant) => timedStore(store.of(tenant), clock),
  get: (hashes) => timed(clock, 'reads', () => store.get(hashes)),
  readRef: (name) => timed(clock, 'reads', () => store.readRef(name)),
  listRefs: (prefix, options) => timed(clock, 'reads', () => store.listRefs(prefix, options)),
  commit: (request) => timed(clock, 'commit', () => store.commit(request)),
});

export const timedProvider = (provider: ModelProvider, clock: SpanClock): ModelProvider => ({
  ...provider,
  generate: (request, call) => timed(clock, 'provider', () => provider.generate(request, call)),
});
