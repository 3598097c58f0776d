// The conversation that a fork begins with: that of the other run at the step, with what is changed of it.
import { decodeMessage, encodeMessage, type ContentStore, type Conversation } from '../activities/store';
import { chainName } from '../activities/store/ref-names';
import { originalPositions, placesOf } from '../activities/store/original-messages';
import { MESSAGES_SHOWN } from '../workflows/contract/limits';
import type { InputPart, Message, MessageHead } from '../workflows/contract/message';
import type { ReleaseManifest } from '../workflows/contract/release';
import type { RunRecord } from '../workflows/contract/schemas/run-record';
import { ClientError } from './errors';
import { firstMessage } from './first-message';
import { headOf, type ForkPoint } from './fork-point';

export interface ForkChanges {
  /** Makes another text of the newest message that the model is given at that step. */
  edit?: (text: string) => string | Promise<string>;
  /** Said by the user, behind everything else that the model is given at that step. */
  say?: string;
}

export interface Beginning {
  /** A stored head. */
  base: string | null;
  /** Original messages that `base` stands for. */
  length: number;
  append: MessageHead[];
  /** What `base` names, in order. */
  linked: LinkedMessage[];
  /** The newest messages, with their positions among the originals. */
  newest: (MessageHead & { position: number })[];
  /** The run's first message. */
  input: MessageHead;
  /** Of the first message, where it was edited. */
  title?: string;
  /** New messages, to be stored. */
  objects: Uint8Array[];
}

export interface ForkMaterial {
  /** As the run's tenant names things, like `conversation`. */
  store: ContentStore;
  conversation: Conversation;
  origin: RunRecord;
  point: ForkPoint;
  /** Of the fork's release. */
  manifest: ReleaseManifest;
}

export interface LinkedMessage {
  hash: string;
  message: Message;
}

interface Entry extends LinkedMessage {
  /** Absent where it is not linked yet. */
  node?: string;
}

/** @throws ClientError `invalid-input` when the change is none that can be made there */
export async function forkBeginning(material: ForkMaterial, { edit, say }: ForkChanges): Promise<Beginning> {
  const { origin, point } = material;
  const where = `step ${point.step} of run ${origin.id}`;
  if ((edit ?? say) !== undefined && point.calling)
    throw new ClientError('invalid-input', `${where} is a tool call, made as it was asked for: fork at a model call.`);
  const entries = await entriesOf(material);
  const objects: Uint8Array[] = [];
  const add = (message: Message): void => {
    const bytes = encodeMessage(message);
    objects.push(bytes);
    entries.push({ message, hash: material.store.nameOf(bytes) });
  };
  let title: string | undefined;
  if (edit) {
    const last = entries.pop();
    if (!last || last.message.role === 'assistant')
      throw new ClientError(
        'invalid-input',
        `${where} follows the model's own words, which are not edited: fork earlier.`,
      );
    const text = await edit(textOf(last.message));
    if (entries.length > 0) add(withText(last.message, text));
    else title = addFirst(material, text, add);
  }
  if (say !== undefined) {
    if (say.trim() === '') throw new ClientError('invalid-input', 'what is to be said is empty.');
    add({ role: 'user', parts: [{ type: 'text', text: say }] });
  }
  if (!point.calling && entries.at(-1)?.message.role === 'assistant')
    throw new ClientError(
      'invalid-input',
      `${where} follows its answer: say something to it, or fork at an earlier step.`,
    );
  return { ...beginningOf(entries), objects, ...(title === undefined ? {} : { title }) };
}

async function entriesOf({ conversation, origin, point }: ForkMaterial): Promise<Entry[]> {
  const [linked, appended] = await Promise.all([
    point.base === null ? [] : conversation.load(point.base, chainName(origin.id)),
    conversation.messages(point.append),
  ]);
  return [...linked, ...appended.map((message, at) => ({ message, hash: point.append[at] ?? '' }))];
}

function beginningOf(entries: readonly Entry[]): Omit<Beginning, 'objects'> {
  const heads = entries.map(({ hash, message }) => headOf(hash, message));
  const [input] = heads;
  if (!input) throw new ClientError('invalid-input', 'there is no message to begin with.');
  const places = originalPositions(entries.map(({ message }) => message));
  const linked = entries.filter(({ node }) => node !== undefined);
  return {
    base: linked.at(-1)?.node ?? null,
    length: linked.reduce((sum, { message }) => sum + placesOf(message), 0),
    append: heads.slice(linked.length),
    linked,
    newest: heads.map((head, at) => ({ ...head, position: places[at] ?? at })).slice(-MESSAGES_SHOWN),
    input,
  };
}

const textOf = ({ parts }: Message): string =>
  parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');

/** Files and images stay. */
function withText<M extends Exclude<Message, { role: 'assistant' }>>(message: M, text: string): M {
  const others: InputPart[] = message.parts.filter(({ type }) => type !== 'text');
  return { ...message, parts: [{ type: 'text', text }, ...others] };
}

/** The run's input must still fit its agent. @returns its title */
function addFirst({ store, manifest }: ForkMaterial, text: string, add: (message: Message) => void): string {
  const { bytes, title } = firstMessage(store, manifest, manifest.input ? jsonOf(text) : text);
  add(decodeMessage(bytes));
  return title;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ClientError('invalid-input', "the run's input is JSON, and what was made of it is not.");
  }
}
