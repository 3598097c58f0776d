// What runs ask people, from the store alone: it is there when no server is, and no worker answers.
import { allRefs, type ContentStore } from '../activities/store';
import { INBOX_PREFIX, inboxOf } from '../activities/store/ref-names';
import type { RequestRecord } from '../workflows/contract/schemas/approval';
import type { RunRecord } from '../workflows/contract/schemas/run-record';
import { argumentsOf, type RunRequest } from './run-requests';
import { stillAsked } from './still-asked';

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

/**
 * What an entry of the inbox names, while it waits for an answer.
 * @param maySee of its run; whoever may not is told what they are told where nothing waits
 */
export async function waitingAt(
  store: ContentStore,
  entry: unknown,
  maySee: (run: RunRecord | undefined) => Promise<boolean> | boolean = () => true,
): Promise<Waiting | undefined> {
  const asked = await stillAsked(store, entry);
  if (!asked || !(await maySee(asked.run))) return undefined;
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
