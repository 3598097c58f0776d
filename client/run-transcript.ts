// What was said in a run, as the store has it.
import { createConversation, type ContentStore } from '../activities/store';
import type { Message } from '../workflows/contract/message';
import type { RunProgress } from '../workflows/contract/run';
import type { RunRecord } from '../workflows/contract/schemas/run-record';
import { refuseErased } from './recorded-result';

/** In full, up to the last checkpoint. @throws ClientError `erased` */
export async function transcriptOf(
  store: ContentStore,
  record: RunRecord,
  progress: () => Promise<RunProgress>,
): Promise<Message[]> {
  refuseErased(record);
  const { id, tenant, ended } = record;
  const head = ended?.head ?? (await progress()).head;
  if (head === null) return [];
  const entries = await createConversation(store.of(tenant)).originals(head, id);
  return entries.map((entry) => entry.message);
}
