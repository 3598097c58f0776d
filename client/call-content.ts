// What one call of a run was given, and what it answered, whole, from the store.
import { givenTo, summedUp } from '../activities/rebuild/rebuild-request';
import { createConversation, type ContentStore } from '../activities/store';
import type { RunCall } from '../activities/store/run-calls';
import type { Message } from '../workflows/contract/message';
import type { RunRecord } from '../workflows/contract/schemas/run-record';

export interface CallContent {
  /** Of a model call or a compaction the messages that it read; of a tool call its arguments, as JSON, absent where they cannot be read. */
  given: { messages: Message[] } | { arguments: unknown };
  /** Nothing of a tool call that has begun work elsewhere and has not ended. */
  answered: Message[];
}

/** @param store of all tenants @throws what keeps the store from telling */
export async function callContent(
  store: ContentStore,
  { id, tenant }: Pick<RunRecord, 'id' | 'tenant'>,
  { record }: Pick<RunCall, 'record'>,
): Promise<CallContent> {
  const conversation = createConversation(store.of(tenant));
  if (record.kind === 'model')
    return {
      given: { messages: (await givenTo(conversation, id, record)).entries.map(({ message }) => message) },
      answered: await conversation.messages(record.answer.messages.map(({ hash }) => hash)),
    };
  if (record.kind === 'tool' || record.kind === 'started-tool') {
    const result = record.kind === 'tool' ? record.result : undefined;
    const hashes = [record.from.message, ...(result ? [result.message.hash] : [])];
    const [asking, ...answered] = await conversation.messages(hashes);
    return { given: { arguments: argumentsOf(asking, record.from.call) }, answered };
  }
  return {
    given: { messages: await summedUp(conversation, id, record) },
    answered: await conversation.messages([record.result.message.hash]),
  };
}

function argumentsOf(message: Message | undefined, at: number): unknown {
  const part =
    message?.role === 'assistant'
      ? message.parts.find((one) => one.type === 'tool-call' && one.call === at)
      : undefined;
  return part?.type === 'tool-call' ? part.arguments : undefined;
}
