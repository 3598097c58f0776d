// What a tool has answered or thrown, as a model reads it.
import { z } from 'zod';
import type { FailureType } from '../workflows/contract/failures';
import type { InputPart } from '../workflows/contract/message';
import { failureParts } from './failure-parts';
import { withoutSecrets } from './redact';
import { canonicalJson } from './store';
import { filePart, filesIn } from './store/file-parts';

export interface ToldOutput {
  parts: InputPart[];
  failure?: { type: FailureType; message: string };
}

/** JavaScript throws anything: what is no error is told by its kind, and a text or number as it is. */
export function describeError(error: unknown): string {
  if (error instanceof Error) return error.message || error.name;
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof error)
    ? `it threw ${String(error)}`
    : `it threw something that is no error (${error === null ? 'null' : typeof error})`;
}

/** A model reads far less, and whoever reads the conversation loads it. */
export const RESULT_BYTES_MOST = 4_194_304;

/**
 * The output as JSON text, then the files it names, so that a model that can see them does.
 * @param secrets taken out wherever they stand
 */
export function outputParts(output: unknown, secrets: readonly string[] = []): ToldOutput {
  const json = z.json().safeParse(output ?? null);
  if (!json.success) return invalidOutput('the tool answered with something that is not JSON.');
  const text = typeof json.data === 'string' ? json.data : new TextDecoder().decode(canonicalJson(json.data));
  const bytes = Buffer.byteLength(text);
  if (bytes > RESULT_BYTES_MOST)
    return invalidOutput(
      `the tool answered with ${bytes} bytes, of which ${RESULT_BYTES_MOST} at most are taken: what is larger is for a file.`,
    );
  return { parts: [{ type: 'text', text: withoutSecrets(text, secrets) }, ...filesIn(json.data).map(filePart)] };
}

function invalidOutput(message: string): ToldOutput {
  return { parts: failureParts('Tool.InvalidOutput', message), failure: { type: 'Tool.InvalidOutput', message } };
}
