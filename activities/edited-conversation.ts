// The conversation that a call is about: what is stored, what is to be appended, and what of it gives way before the model reads it.
import type { ContextPlan } from '../workflows/contract/context';
import type { Message, MessageHead } from '../workflows/contract/message';
import { tokenCounter, type TokenCounter } from './context/count-tokens';
import { entryOf, measure, type Measured, type RequestFrame } from './context/measure';
import { isEdited } from './store/original-messages';
import { planPrune } from './context/plan-prune';
import { recallManifest } from './context/recall';
import type { ActivityDeps, Attempt, LoadedAgent } from './deps';
import { encodeMessage, previewOf } from './store';
import { chainName } from './store/ref-names';

/** A chain as the model reads it, and what of it is not stored yet. */
export interface EditedConversation {
  entries: { hash: string; message: Message }[];
  /** The entries before this index are those of a stored head. */
  kept: number;
  /** That head. */
  base: string | null;
  /** Placeholders and what the runtime says, as objects. */
  objects: Uint8Array[];
  /** Of the entries, those before what is to be appended. */
  earlier: number;
  pruned?: { results: number; tokens: number };
  /** What the runtime says to the model before it answers: the last of the entries, and of the objects before any edit. */
  notices?: MessageHead[];
  /** With the edit applied. Absent where the bytes alone show that nothing is to be decided. */
  measured?: Measured;
}

/** @throws ApplicationFailure `Store.*` */
export async function loadConversation(
  deps: ActivityDeps,
  { base, append }: { base: string | null; append: readonly string[] },
  attempt: Pick<Attempt, 'workflowId'>,
): Promise<EditedConversation & { nodes: string[] }> {
  const [linked, added] = await Promise.all([
    base === null ? [] : deps.conversation.load(base, chainName(attempt.workflowId)),
    deps.conversation.messages(append),
  ]);
  const appended = added.map((message, at) => ({ hash: append[at] ?? '', message }));
  return {
    entries: [...linked.map(({ hash, message }) => ({ hash, message })), ...appended],
    nodes: linked.map(({ node }) => node),
    kept: linked.length,
    earlier: linked.length,
    base,
    objects: [],
  };
}

type Released = Pick<LoadedAgent, 'manifest'>;

export const counterOf = ({ manifest }: Released): TokenCounter => tokenCounter(manifest.model.route[0] ?? '');

/** What the model is offered: `recall` joins once there is something to read again, and an agent's own tool of that name stays. */
export function toolsFor(loaded: Released, messages: readonly Message[]): LoadedAgent['manifest']['tools'] {
  const { tools } = loaded.manifest;
  return isEdited(messages) && mayRecall(loaded) ? [...tools, recallManifest] : tools;
}

const mayRecall = ({ manifest }: Released): boolean =>
  manifest.context !== undefined && !manifest.tools.some(({ name }) => name === recallManifest.name);

export const frameOf = (loaded: Released, messages: readonly Message[]): RequestFrame => ({
  instructions: loaded.manifest.instructions,
  tools: toolsFor(loaded, messages),
  ...(loaded.manifest.output ? { output: loaded.manifest.output } : {}),
  ...(mayRecall(loaded) && !isEdited(messages) ? { joins: recallManifest } : {}),
});

/** Stale tool results give way to placeholders, where the plan says so. Pure but for the reading of a vocabulary. */
export function prune(
  { nodes, ...loaded }: EditedConversation & { nodes: readonly string[] },
  plan: ContextPlan,
  agent: Released,
  nameOf: (bytes: Uint8Array) => string,
): EditedConversation {
  const counter = counterOf(agent);
  const frame = frameOf(
    agent,
    loaded.entries.map(({ message }) => message),
  );
  const measured = measure(loaded.entries, { plan, frame, counter });
  const edit = measured && planPrune(measured, plan, (message) => counter.count(message));
  if (!measured || !edit) return { ...loaded, ...(measured ? { measured } : {}) };
  const entries = [...measured.entries];
  const objects = edit.results.map(({ at, placeholder }) => {
    const bytes = encodeMessage(placeholder);
    entries[at] = entryOf(placeholder, nameOf(bytes), counter);
    return bytes;
  });
  const first = edit.results[0]?.at ?? 0;
  const kept = Math.min(loaded.kept, first);
  return {
    ...loaded,
    entries,
    kept,
    base: kept === loaded.kept ? loaded.base : (nodes[kept - 1] ?? null),
    objects: [...loaded.objects, ...objects],
    pruned: { results: edit.results.length, tokens: edit.freed },
    measured: { entries, overhead: measured.overhead + (measured.joins ?? 0) },
  };
}

/** Hashes to link after `base`. */
export const addedTo = ({ entries, kept }: EditedConversation): string[] => entries.slice(kept).map(({ hash }) => hash);

/** As the newest message, to be stored with the answer. */
export function addOwn<C extends EditedConversation>(
  { store }: Pick<ActivityDeps, 'store'>,
  conversation: C,
  message: Message,
): C {
  const bytes = encodeMessage(message);
  const head: MessageHead = { hash: store.nameOf(bytes), role: message.role, preview: previewOf(message) };
  return {
    ...conversation,
    entries: [...conversation.entries, { hash: head.hash, message }],
    objects: [...conversation.objects, bytes],
    notices: [...(conversation.notices ?? []), head],
  };
}

/** Without what the runtime says, which is linked with the answer and not before. */
export function withoutOwn(conversation: EditedConversation): EditedConversation {
  const { notices = [], entries, objects, ...rest } = conversation;
  return {
    ...rest,
    entries: entries.slice(0, entries.length - notices.length),
    objects: objects.slice(notices.length),
  };
}
