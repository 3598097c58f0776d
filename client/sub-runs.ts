// The runs of a run's sub-agents, and what they ask people: found under the run that a caller has started.
import { allRefs, type ContentStore } from '../activities/store';
import { INBOX_PREFIX, inboxOf, runRecordName, subRunsOf } from '../activities/store/ref-names';
import type { PersonRequest } from '../workflows/contract/approval';
import { inboxEntrySchema, requestRecordSchema } from '../workflows/contract/schemas/approval';
import { runRecordSchema, type RunRecord } from '../workflows/contract/schemas/run-record';

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

/** What the sub-agents of a run that a caller has started ask, oldest first. From the store alone. */
export async function askedBelow(store: ContentStore, root: string): Promise<PersonRequest[]> {
  const ids = await idsUnder(store, root);
  if (ids.length === 0) return [];
  // A short list, whatever runs there are.
  const entries = await allRefs(store, INBOX_PREFIX);
  const below = ids.map(inboxOf);
  const asked = entries.filter(({ name }) => below.some((prefix) => name.startsWith(prefix)));
  const found = await Promise.all(
    asked.map(async ({ value }) => {
      const entry = inboxEntrySchema.safeParse(value).data;
      const ref = entry && (await store.readRef(entry.request));
      const record = requestRecordSchema.safeParse(ref?.value).data;
      if (!record || record.decision || record.withdrawnAt !== undefined) return [];
      const run = runRecordSchema.safeParse((await store.readRef(runRecordName(record.id)))?.value).data;
      if (run?.ended) return [];
      return [{ ...record.request, subRun: { id: record.id, agent: record.agent } }];
    }),
  );
  return found.flat().sort((a, b) => a.askedAt - b.askedAt);
}
