// What runs take, counted where their calls are made: one that has taken many times what is usual is found with the call that takes it there.
import { LRUCache } from 'lru-cache';
import type { ContentStore } from '../store';
import { watchedAgentName } from '../store/ref-names';
import type { OddRun } from './keep-finding';
import { manyTokens, type WhichRun } from './many-tokens';
import { watchedAgentSchema } from './watched-agent';

export interface TokensTakenDeps {
  store: Pick<ContentStore, 'readRef'>;
  now(): number;
  /** So many times what is usual. */
  times: number;
  oddRunFound(odd: OddRun): Promise<void>;
}

/** Of this process. A run that is left out here is found by the next look. */
const RUNS_MOST = 20_000;
const AGENTS_MOST = 2_000;
/** What is usual is read again after so long, whatever there is to do. */
const USUAL_MS = 60_000;

interface Usual {
  readAt: number;
  tokens: Promise<number | undefined>;
}

/**
 * No call waits for it, and a call whose agent's usual tokens are known reads nothing. What other processes have called for the run is not
 * counted, so that it finds too little and never too much: the looks at runs under way, which read all calls, find the rest.
 * @returns to be told what each of a run's calls took. It resolves when what follows is kept, and rejects where that cannot be
 */
export function createTokensTaken(deps: TokensTakenDeps): (which: WhichRun, tokens: number) => Promise<void> {
  const taken = new LRUCache<string, number>({ max: RUNS_MOST });
  const found = new LRUCache<string, true>({ max: RUNS_MOST });
  const usual = new LRUCache<string, Usual>({ max: AGENTS_MOST });
  const usualOf = (agent: string): Promise<number | undefined> => {
    const known = usual.get(agent);
    if (known && deps.now() - known.readAt < USUAL_MS) return known.tokens;
    const tokens = usualTokens(deps.store, agent);
    usual.set(agent, { readAt: deps.now(), tokens });
    return tokens;
  };
  return async (which, tokens) => {
    const { run, agent } = which;
    taken.set(run, (taken.get(run) ?? 0) + tokens);
    const usually = await usualOf(agent);
    if (usually === undefined || found.has(run)) return;
    const odd = manyTokens(which, { tokens: taken.get(run) ?? 0, usually, times: deps.times });
    if (!odd) return;
    found.set(run, true);
    await deps.oddRunFound(odd).catch((error: unknown) => {
      found.delete(run);
      throw error;
    });
  };
}

const usualTokens = async (store: TokensTakenDeps['store'], agent: string): Promise<number | undefined> =>
  watchedAgentSchema.safeParse((await store.readRef(watchedAgentName(agent)))?.value).data?.usualTokens;
