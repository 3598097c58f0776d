// Turns what a caller passes to `start` into the run's first message.
import { canonicalJson, encodeMessage, previewOf, type ContentStore } from '../activities/store';
import { filePart, filesIn } from '../activities/store/file-parts';
import { z } from 'zod';
import type { MessageHead, UserMessage } from '../workflows/contract/message';
import type { ReleaseManifest } from '../workflows/contract/release';
import { ClientError } from './errors';

export interface FirstMessage {
  head: MessageHead;
  /** For people: what was asked, without the braces around it. */
  title: string;
  bytes: Uint8Array;
}

/**
 * @param store as the run's tenant sees it
 * @throws ClientError `invalid-input`, naming what does not fit
 */
export function firstMessage(
  store: Pick<ContentStore, 'nameOf'>,
  manifest: ReleaseManifest,
  given: unknown,
): FirstMessage {
  const input = jsonInput(manifest, given);
  const title = titleOf(input);
  const message = manifest.input ? structured(manifest, manifest.input, input) : plain(manifest, input);
  const bytes = encodeMessage(message);
  return { bytes, title, head: { hash: store.nameOf(bytes), role: 'user', preview: previewOf(message) } };
}

/** What cannot be written down cannot be an input: a function, a bigint, an object that holds itself. */
function jsonInput({ agent }: ReleaseManifest, given: unknown): unknown {
  const json = z.json().safeParse(given);
  if (json.success) return json.data;
  const at = json.error.issues[0]?.path.join('.');
  throw new ClientError('invalid-input', `the input of ${agent} is not JSON${at ? `, at ${at}` : ''}.`);
}

/** The one text among the properties that reads as a question, where there is one. */
function titleOf(input: unknown): string {
  const { success, data: json } = z.json().safeParse(input);
  if (!success)
    throw new ClientError('invalid-input', 'the input is not JSON: a bigint, an undefined or a class is in it.');
  if (json === null || typeof json !== 'object' || Array.isArray(json)) return previewOf(json);
  const asked = ASKING.map((name) => json[name]).find((value) => typeof value === 'string');
  return previewOf(asked ?? json);
}
const ASKING = ['question', 'task', 'prompt', 'text', 'message'];

function plain({ agent }: ReleaseManifest, input: unknown): UserMessage {
  if (typeof input === 'string' && input !== '') return { role: 'user', parts: [{ type: 'text', text: input }] };
  throw new ClientError('invalid-input', `${agent} takes a text that is not empty.`);
}

function structured(
  { agent }: ReleaseManifest,
  schema: NonNullable<ReleaseManifest['input']>,
  input: unknown,
): UserMessage {
  const checked = z.fromJSONSchema(schema).safeParse(input);
  if (!checked.success) {
    const issues = checked.error.issues.map(({ path, message }) => `${path.join('.') || 'input'}: ${message}`);
    throw new ClientError('invalid-input', `the input does not fit agent ${agent}: ${issues.join('; ')}.`);
  }
  // With its defaults: what the agent declared is what the model and the tools read.
  const json = z.json().parse(checked.data);
  const text = new TextDecoder().decode(canonicalJson(json));
  return { role: 'user', parts: [{ type: 'text', text }, ...filesIn(json).map(filePart)] };
}
