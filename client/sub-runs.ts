// The runs of a run's sub-agents, and what they ask people: found under the run that a caller has started.
import { allRefs, type ContentStore } from '../activities/store';
import { INBOX_PREFIX, inboxOf, runRecordName, subRunsOf } from '../activities/store/ref-names';
import type { PersonRequest } from '../workflows/contract/approval';
import { runRecordSchema, type RunRecord } from '../workflows/contract/schemas/run-record';
import { stillAsked } from './still-asked';

/** Of all depths, in the order in which they began. */
export async function subRunsUnder(
  store: ContentStore,
  { id, parent }: Pick<RunRecord, 'id' | 'parent'>,
): Promise<RunRecord[]> {
  const root = parent?.root ?? id;
  const refs = await Promise.all((await idsUnder(store, root)).map((sub) => store.readRef(runRecordName(sub))));
  const all = refs.flatMap((ref) => runRecordSchema.safeParse(ref?.value).data ?? []);
  // Level by level: by its time a run may have begun before its caller, where two workers' clocks differ.
  const below: RunRecord[] = [];
  for (let callers = new Set([id]); callers.size > 0;) {
    const next = all.filter(({ parent: by }) => by && callers.has(by.run));
    below.push(...next);
    callers = new Set(next.map((record) => record.id));
  }
  return below.sort((a, b) => a.startedAt - b.startedAt);
}

/** Those that one of its calls has begun. */
export const directSubRuns = (all: readonly RunRecord[], { id }: Pick<RunRecord, 'id'>): RunRecord[] =>
  all.filter(({ parent }) => parent?.run === id);

async function idsUnder(store: ContentStore, root: string): Promise<string[]> {
  const prefix = subRunsOf(root);
  return (await allRefs(store, prefix)).map(({ name }) => decodeURIComponent(name.slice(prefix.length)));
}

/** What the sub-agents of a run ask, of all depths, oldest first. From the store alone. */
export async function askedBelow(store: ContentStore, id: string): Promise<PersonRequest[]> {
  const parent = runRecordSchema.safeParse((await store.readRef(runRecordName(id)))?.value).data?.parent;
  const ids = parent ? (await subRunsUnder(store, { id, parent })).map((run) => run.id) : await idsUnder(store, id);
  if (ids.length === 0) return [];
  // A short list, whatever runs there are.
  const entries = await allRefs(store, INBOX_PREFIX);
  const below = ids.map(inboxOf);
  const asked = entries.filter(({ name }) => below.some((prefix) => name.startsWith(prefix)));
  const found = await Promise.all(asked.map(({ value }) => stillAsked(store, value)));
  return found
    .flatMap((one) => (one ? [{ ...one.record.request, subRun: { id: one.record.id, agent: one.record.agent } }] : []))
    .sort((a, b) => a.askedAt - b.askedAt);
}
