import type { ContentStore } from '../activities/store';
import { runRecordName } from '../activities/store/ref-names';
import { inboxEntrySchema, requestRecordSchema, type RequestRecord } from '../workflows/contract/schemas/approval';
import { runRecordSchema, type RunRecord } from '../workflows/contract/schemas/run-record';

/** What an entry of the inbox names, while it waits for an answer: a run that was terminated left what it had asked. */
export async function stillAsked(
  store: ContentStore,
  entry: unknown,
): Promise<{ record: RequestRecord; run: RunRecord | undefined } | undefined> {
  const { data } = inboxEntrySchema.safeParse(entry);
  const record = data && requestRecordSchema.safeParse((await store.readRef(data.request))?.value).data;
  if (!record || record.decision || record.withdrawnAt !== undefined) return undefined;
  const run = runRecordSchema.safeParse((await store.readRef(runRecordName(record.id)))?.value).data;
  return run?.ended || run?.erased ? undefined : { record, run };
}
