// What one call of a run was given, and what it answered, whole, from the store; where a part of it cannot be read, all the rest.
import { givenHashes, summedUpHashes } from '../activities/rebuild/rebuild-request';
import { createConversation, type ContentStore, type Conversation } from '../activities/store';
import type { RunCall } from '../activities/store/run-calls';
import { orWhy, whyUnreadable } from '../activities/store/why-unreadable';
import type { Message, MessageHead } from '../workflows/contract/message';
import type { CallRecord } from '../workflows/contract/schemas/call-record';
import type { RunRecord } from '../workflows/contract/schemas/run-record';
import { fewAtOnce } from './few-at-once';

/** A part that cannot be read. */
export interface GonePart {
  part: 'given' | 'answered';
  /**
   * Which of its messages, from 1, those that cannot be read counted too. Null: how many they were is not known, and they came before
   * all that can be read; of a tool call its arguments.
   */
  position: number | null;
  /** How it began, where the call's record has that. */
  preview?: string;
  /** In one sentence. */
  why: string;
}

export interface CallContent {
  /** Of a model call or a compaction the messages that it read; of a tool call its arguments, as JSON, absent where they cannot be read. */
  given: { messages: Message[] } | { arguments: unknown };
  /** Nothing of a tool call that has begun work elsewhere and has not ended. */
  answered: Message[];
  /** What of it cannot be read, and why. */
  gone: GonePart[];
}

/** @param store of all tenants @throws what keeps the store from telling anything */
export async function callContent(
  store: ContentStore,
  { id, tenant }: Pick<RunRecord, 'id' | 'tenant'>,
  { record, asked }: Pick<RunCall, 'record' | 'asked'>,
): Promise<CallContent> {
  const conversation = createConversation(store.of(tenant));
  const answers = await readable(conversation, 'answered', answersOf(record));
  if (record.kind === 'tool' || record.kind === 'started-tool') {
    const { got, why } = await orWhy(conversation.messages([record.from.message]));
    const preview = asked === undefined ? {} : { preview: asked };
    return {
      given: { arguments: argumentsOf(got?.[0], record.from.call) },
      answered: answers.messages,
      gone: [...(got ? [] : [{ part: 'given' as const, position: null, ...preview, why }]), ...answers.gone],
    };
  }
  const { hashes, why } = await askedOf(conversation, id, record);
  const given = await readable(
    conversation,
    'given',
    hashes.map((hash) => ({ hash })),
  );
  return {
    given: { messages: given.messages },
    answered: answers.messages,
    gone: [
      ...(why === undefined ? [] : [{ part: 'given' as const, position: null, why }]),
      ...given.gone,
      ...answers.gone,
    ],
  };
}

function answersOf(record: CallRecord): readonly Pick<MessageHead, 'hash' | 'preview'>[] {
  if (record.kind === 'model') return record.answer.messages;
  return record.kind === 'started-tool' ? [] : [record.result.message];
}

/** @returns why what came before cannot be told, where that is so */
async function askedOf(
  conversation: Conversation,
  id: string,
  record: Extract<CallRecord, { kind: 'model' | 'compaction' }>,
): Promise<{ hashes: readonly string[]; why?: string }> {
  if (record.kind === 'compaction') {
    const { got, why } = await orWhy(summedUpHashes(conversation, id, record));
    return got ? { hashes: got } : { hashes: [], why };
  }
  const { hashes, broken } = await givenHashes(conversation, id, record);
  const why = whyUnreadable(broken);
  if (broken && why === undefined) throw broken;
  return { hashes, ...(why === undefined ? {} : { why }) };
}

/** Read one by one only where not all can be read together. */
const READ_AT_ONCE = 8;

/** All that can be read of these, and what cannot be. */
export async function readable(
  conversation: Conversation,
  part: GonePart['part'],
  heads: readonly { hash: string; preview?: string }[],
): Promise<{ messages: Message[]; gone: GonePart[] }> {
  const all = await orWhy(conversation.messages(heads.map(({ hash }) => hash)));
  if (all.got) return { messages: all.got, gone: [] };
  const read = await fewAtOnce(heads, READ_AT_ONCE, ({ hash }) => orWhy(conversation.messages([hash])));
  return {
    messages: read.flatMap(({ got = [] }) => got),
    gone: read.flatMap(({ why }, at): GonePart[] => {
      const preview = heads[at]?.preview;
      return why === undefined ? [] : [{ part, position: at + 1, ...(preview ? { preview } : {}), why }];
    }),
  };
}

/** A message, or what is known of one that cannot be read. */
export interface PlacedMessage {
  /** From 1. Null: before all that can be read. */
  position: number | null;
  message?: Message;
  gone?: GonePart;
}

/** The messages of a part in their order, with what cannot be read at its place. */
export function inPlace(
  messages: readonly Message[],
  part: GonePart['part'],
  gone: readonly GonePart[],
): PlacedMessage[] {
  const own = gone.filter((one) => one.part === part);
  const before = own.filter(({ position }) => position === null).map((one) => ({ position: null, gone: one }));
  const byPosition = new Map(own.map((one) => [one.position, one]));
  const rest = [...messages];
  const total = messages.length + own.length - before.length;
  const placed = Array.from({ length: total }, (_, at) => {
    const missing = byPosition.get(at + 1);
    const message = missing ? undefined : rest.shift();
    return { position: at + 1, ...(missing ? { gone: missing } : {}), ...(message ? { message } : {}) };
  });
  return [...before, ...placed];
}

function argumentsOf(message: Message | undefined, at: number): unknown {
  const part =
    message?.role === 'assistant'
      ? message.parts.find((one) => one.type === 'tool-call' && one.call === at)
      : undefined;
  return part?.type === 'tool-call' ? part.arguments : undefined;
}
