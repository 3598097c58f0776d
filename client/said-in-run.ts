// The whole conversation of a run up to its last checkpoint; where a part of it cannot be read, all the rest.
import { createConversation, type ContentStore } from '../activities/store';
import { lastCheckpoint } from '../activities/store/last-checkpoint';
import { chainName } from '../activities/store/ref-names';
import { orWhy, whyUnreadable } from '../activities/store/why-unreadable';
import type { RunRecord } from '../workflows/contract/schemas/run-record';
import { inPlace, readable, type PlacedMessage } from './call-content';
import { refuseErased } from './recorded-result';

export interface SaidInRun {
  /** Hash of the head that it was read from. Null before the first: the run consists of what it was asked. */
  checkpoint: string | null;
  /** In their order. */
  said: PlacedMessage[];
}

/**
 * With what its compactions have summed up in place of their summaries, unless some of it cannot be read: then the summaries stand.
 * @param store of the run's tenant
 * @throws ClientError `erased`
 */
export async function saidInRun(store: ContentStore, record: RunRecord): Promise<SaidInRun> {
  refuseErased(record);
  const { head } = await lastCheckpoint(store, record);
  const conversation = createConversation(store);
  if (head === null) {
    const { messages, gone } = await readable(conversation, 'given', [{ hash: record.input }]);
    return { checkpoint: head, said: inPlace(messages, 'given', gone) };
  }
  const { got } = await orWhy(conversation.originals(head, record.id));
  if (got) return { checkpoint: head, said: got.map(({ message }, at) => ({ position: at + 1, message })) };
  const { links, broken } = await conversation.reach(head, chainName(record.id));
  const why = whyUnreadable(broken);
  if (broken && why === undefined) throw broken;
  const { messages, gone } = await readable(conversation, 'given', links);
  const before = why === undefined ? [] : [{ part: 'given' as const, position: null, why }];
  return { checkpoint: head, said: inPlace(messages, 'given', [...before, ...gone]) };
}
