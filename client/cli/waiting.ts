// What runs ask people, from the store alone: it is there when no server is, and no worker answers.
import { allRefs, type ContentStore } from '../../activities/store';
import { INBOX_PREFIX, inboxOf } from '../../activities/store/ref-names';
import type { RequestRecord } from '../../workflows/contract/schemas/approval';
import { argumentsOf, type RunRequest } from '../run-requests';
import { stillAsked } from '../still-asked';
import type { LiveRun } from './live-run';
import { questionLine } from './question-line';
import type { Output } from './output';

export interface Waiting extends Omit<RequestRecord, 'request'> {
  request: RunRequest;
  /** The run that a caller has started, where a sub-agent's asks. */
  root?: string;
}

/** Of all runs, oldest first. */
export const waitingIn = (store: ContentStore): Promise<Waiting[]> => waitingUnder(store, INBOX_PREFIX);
/** Of one run. */
export const waitingOf = (store: ContentStore, id: string): Promise<Waiting[]> => waitingUnder(store, inboxOf(id));

async function waitingUnder(store: ContentStore, prefix: string): Promise<Waiting[]> {
  const entries = await allRefs(store, prefix);
  const found = await Promise.all(entries.map(({ value }) => waitingAt(store, value)));
  return found.flatMap((one) => one ?? []).sort((a, b) => a.request.askedAt - b.request.askedAt);
}

async function waitingAt(store: ContentStore, entry: unknown): Promise<Waiting | undefined> {
  const asked = await stillAsked(store, entry);
  if (!asked) return undefined;
  const { record, run } = asked;
  return {
    ...record,
    ...(run?.parent ? { root: run.parent.root } : {}),
    request: {
      ...record.request,
      arguments: await argumentsOf(store.of(record.tenant), record.request).catch(() => record.request.preview),
    },
  };
}

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

/** For `--json`. */
export const askedNow = (waiting: readonly Waiting[]): { number: number; question: string }[] =>
  waiting.map(({ request }) => ({ number: request.number, question: questionLine(request) }));

/** What is asked, and the command that says yes to it. */
export const waitingLine = (output: Output, { id, request }: Waiting): string =>
  `${request.number}  ${output.safeLine(questionLine(request))}   longhaul approve ${output.safeLine(id)} ${request.number}`;
