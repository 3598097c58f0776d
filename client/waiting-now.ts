// What of the inbox is shown of one run.
import type { ContentStore } from '../activities/store';
import { waitingOf, type Waiting } from './inbox';
import type { LiveRun } from './live-run';
import { questionLine } from './question-line';

/** Of a run that has not ended; where a worker has answered, what it still asks. */
export async function waitingNow(store: ContentStore, id: string, live: LiveRun | undefined): Promise<Waiting[]> {
  const waiting = await waitingOf(store, id);
  if (!live?.progress) return waiting;
  const asked = (live.progress.requests ?? []).map(({ number }) => number);
  return waiting.filter(({ request }) => asked.includes(request.number));
}

/** Temporal alone does not know that a run waits for a person: its status where no worker has said more. */
export const openStatus = (live: LiveRun | undefined, waiting: readonly Waiting[]): string =>
  live?.progress || waiting.length === 0 ? (live?.status ?? 'unknown') : 'asking';

/** As JSON. */
export const askedNow = (waiting: readonly Waiting[]): { number: number; question: string }[] =>
  waiting.map(({ request }) => ({ number: request.number, question: questionLine(request) }));
