// How the runs of the last days have ended, by agent and by release.
import type { ContentStore } from '../../activities/store';
import { indexedRuns, recordOf } from '../../activities/store/run-index';
import { requireScope, type Caller } from '../api/caller';
import { maySee } from '../api/known-run';
import { createTurnstile } from '../api/turnstile';
import type { PageRequest } from './place';

/** Each reads the records of all runs of that time. */
const readers = createTurnstile(8);

export const AGE_SHOWN_MS = 7 * 86_400_000;

/** By outcome; `open` of those that have not ended. */
export type RunCounts = ReadonlyMap<string, number>;

export interface CountedRuns {
  byAgent: ReadonlyMap<string, RunCounts>;
  byRelease: ReadonlyMap<string, { agent: string; counts: RunCounts }>;
}

/** Of those that the reader may see. @throws Problem `Api.Forbidden`, `Api.Busy` */
export async function runCounts({ caller, deps: { store } }: PageRequest, now = Date.now()): Promise<CountedRuns> {
  requireScope(caller, ['read']);
  return await readers.pass(caller, () => counted(caller, store, now - AGE_SHOWN_MS));
}

async function counted(caller: Caller, store: ContentStore, since: number): Promise<CountedRuns> {
  const byAgent = new Map<string, Map<string, number>>();
  const byRelease = new Map<string, { agent: string; counts: Map<string, number> }>();
  for await (const entry of (await indexedRuns(store)) ?? []) {
    if (entry.startedAt < since) break;
    const record = await recordOf(store, entry);
    if (!record || !(await maySee(caller, store, record))) continue;
    const { agent, release, ended } = record;
    const outcome = ended?.outcome ?? 'open';
    const ofAgent = byAgent.get(agent) ?? new Map<string, number>();
    const ofRelease = byRelease.get(release) ?? { agent, counts: new Map<string, number>() };
    byAgent.set(agent, ofAgent.set(outcome, (ofAgent.get(outcome) ?? 0) + 1));
    byRelease.set(release, ofRelease);
    ofRelease.counts.set(outcome, (ofRelease.counts.get(outcome) ?? 0) + 1);
  }
  return { byAgent, byRelease };
}
