// The message that a run begins with, from the input that its agent's release asks for: stored the same by whoever starts the run.
import { z } from 'zod';
import type { JsonValue, MessageHead, UserMessage } from '../../workflows/contract/message';
import type { ReleaseManifest } from '../../workflows/contract/release';
import { canonicalJson } from './canonical-json';
import { filePart, filesIn } from './file-parts';
import { encodeMessage } from './message-codec';
import type { ContentStore } from './port';
import { previewOf } from './preview';

export interface FirstMessage {
  head: MessageHead;
  /** For people: what was asked, without the braces around it. */
  title: string;
  bytes: Uint8Array;
}

type Asked = Pick<ReleaseManifest, 'agent' | 'input'>;

/** Where in an input something does not fit, and why. */
export interface InputMisfit {
  path: readonly PropertyKey[];
  detail: string;
}

interface Refusal {
  /** All of it, in words. */
  refused: string;
  misfits: InputMisfit[];
}

/**
 * @param store as the run's tenant sees it
 * @returns in words, what does not fit, where something does not
 */
export function firstMessageOf(
  store: Pick<ContentStore, 'nameOf'>,
  manifest: Asked,
  given: unknown,
): FirstMessage | Refusal {
  const input = z.json().safeParse(given);
  // What cannot be written down cannot be an input: a function, a bigint, an object that holds itself.
  if (!input.success) {
    const path = input.error.issues[0]?.path ?? [];
    const at = path.join('.');
    return {
      refused: `the input of ${manifest.agent} is not JSON${at ? `, at ${at}` : ''}.`,
      misfits: [{ path, detail: 'not JSON' }],
    };
  }
  const message = manifest.input ? structured(manifest, manifest.input, input.data) : plain(manifest, input.data);
  if ('refused' in message) return message;
  const bytes = encodeMessage(message);
  return {
    bytes,
    title: titleOf(input.data),
    head: { hash: store.nameOf(bytes), role: 'user', preview: previewOf(message) },
  };
}

/** The one text among the properties that reads as a question, where there is one. */
function titleOf(json: JsonValue): string {
  if (json === null || typeof json !== 'object' || Array.isArray(json)) return previewOf(json);
  const asked = ASKING.map((name) => json[name]).find((value) => typeof value === 'string');
  return previewOf(asked ?? json);
}
const ASKING = ['question', 'task', 'prompt', 'text', 'message'];

function plain({ agent }: Asked, input: JsonValue): UserMessage | Refusal {
  if (typeof input === 'string' && input !== '') return { role: 'user', parts: [{ type: 'text', text: input }] };
  return {
    refused: `${agent} takes a text that is not empty.`,
    misfits: [{ path: [], detail: 'not a text, or an empty one' }],
  };
}

function structured(
  { agent }: Asked,
  schema: NonNullable<ReleaseManifest['input']>,
  input: JsonValue,
): UserMessage | Refusal {
  const checked = z.fromJSONSchema(schema).safeParse(input);
  if (!checked.success) {
    const misfits = checked.error.issues.map(({ path, message }) => ({ path, detail: message }));
    const said = misfits.map(({ path, detail }) => `${path.join('.') || 'input'}: ${detail}`);
    return { refused: `the input does not fit agent ${agent}: ${said.join('; ')}.`, misfits };
  }
  // With its defaults: what the agent declared is what the model and the tools read.
  const json = z.json().parse(checked.data);
  const text = new TextDecoder().decode(canonicalJson(json));
  return { role: 'user', parts: [{ type: 'text', text }, ...filesIn(json).map(filePart)] };
}
