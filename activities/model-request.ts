// What a model is asked, as data: by who sends it, and by who rebuilds it from what is stored.
import type { CallKey } from '../workflows/contract/activities';
import type { JsonValue, Message } from '../workflows/contract/message';
import type { ReleaseManifest } from '../workflows/contract/release';
import { summaryRequest, transcriptWithin } from './context/summary-prompt';
import { tokenCounter } from './context/count-tokens';
import { toolsFor, type EditedConversation } from './edited-conversation';
import type { ModelProvider, ModelRequest } from './model/provider';
import { rawItemsOf } from './raw-items';
import type { ContentStore } from './store';

interface Asked extends Pick<EditedConversation, 'entries' | 'earlier'> {
  manifest: ReleaseManifest;
  /** Whose own raw items go back to it. */
  provider: Pick<ModelProvider, 'name' | 'rawItemsForm'>;
  model: string;
}

/** @param deps.store as the run's tenant sees it */
export async function modelRequest(
  deps: { store: ContentStore },
  key: CallKey,
  { manifest, entries, earlier, provider, model }: Asked,
): Promise<ModelRequest> {
  const messages = entries.map(({ message }) => message);
  const rawItems = provider.rawItemsForm
    ? await rawItemsOf(deps, { key }, provider, entries.slice(0, earlier))
    : new Map<number, JsonValue>();
  return {
    model,
    instructions: manifest.instructions,
    messages,
    tools: toolsFor({ manifest }, messages),
    ...(manifest.output ? { output: { name: `${manifest.agent}_output`, schema: manifest.output } } : {}),
    parameters: manifest.model.parameters,
    rawItems,
    loadFile: loadFrom(deps),
  };
}

/** What is to be summed up. */
export interface ToSumUp {
  manifest: ReleaseManifest;
  messages: readonly Message[];
  /** Position of the first of them among the originals. */
  first: number;
  /** Tokens that they may take, as text. */
  most: number;
}

export function summaryOf(
  deps: { store: ContentStore },
  { manifest, messages, first, most }: ToSumUp,
  model: string,
): ModelRequest {
  const { countText } = tokenCounter(manifest.model.route[0] ?? '');
  return {
    model,
    instructions: manifest.context?.compact?.prompt.text ?? '',
    messages: [summaryRequest(transcriptWithin(messages, first, { most, countText }))],
    tools: [],
    parameters: manifest.model.parameters,
    rawItems: new Map<number, JsonValue>(),
    loadFile: loadFrom(deps),
  };
}

const loadFrom =
  ({ store }: { store: ContentStore }) =>
  async (sha256: string): Promise<Uint8Array> =>
    (await store.get([sha256]))[0] ?? new Uint8Array();
