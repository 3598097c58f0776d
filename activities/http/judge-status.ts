// What a status means for the call: it is used, it is tried again, or the model is told.
import { z } from 'zod';
import { ToolFailure } from '../define/tool-failure';
import { retryAfterMs } from '../model/retry-after';
import { cutText, redacted } from '../redact';
import { parseBody, readBody } from './read-body';
import { refusal, type HttpAnswer } from './send-request';

/** Said by servers that are busy with this very request, or with others. */
const RETRYABLE = [408, 409, 425, 429];
/** Of those, they say that nothing was done. */
const NOTHING_DONE = [408, 425, 429];
/** A longer wait is not sat out: the model is told, and may do something else meanwhile. */
const RETRY_AFTER_MOST_MS = 60_000;
const ERROR_BODY_BYTES = 8_192;
const EXCERPT_CHARS = 120;

/**
 * @param hidden texts that must not show, whoever repeats them
 * @throws ToolRejection, or ToolFailure `Tool.Failed`, unless the status is one of success
 */
export async function requireSuccess(
  answer: HttpAnswer,
  { hidden, signal, now }: { hidden: readonly string[]; signal: AbortSignal; now: number },
): Promise<void> {
  const { status, host, acted, response } = answer;
  if (status >= 200 && status < 300) return;
  const said = await excerptOf(answer, signal);
  const clean = cutText(redacted(said, hidden), EXCERPT_CHARS);
  const message = `${host} answered ${status}${clean === '' ? '.' : `: ${clean}`}`;
  if (status < 500 && !RETRYABLE.includes(status)) throw refusal(message, acted);
  const mayHaveActed = acted || !NOTHING_DONE.includes(status);
  const headers = new Headers();
  const value = response.headers['retry-after'];
  if (value !== undefined) headers.set('retry-after', value);
  const wait = retryAfterMs(headers, now);
  if (wait === undefined) throw new ToolFailure('Tool.Failed', message, { mayHaveActed });
  if (wait <= RETRY_AFTER_MOST_MS) throw new ToolFailure('Tool.Failed', message, { mayHaveActed, retryAfterMs: wait });
  const again = `It asks to be left alone for ${Math.ceil(wait / 1000)} s.`;
  throw new ToolFailure('Tool.Failed', `${message} ${again}`, { mayHaveActed, final: true });
}

const text = z.string().min(1);
/** Where APIs say what was wrong, in the order in which it is worth reading. */
const explanation = z.union([
  z.object({ error: z.object({ message: text }) }).transform(({ error }) => error.message),
  z.object({ message: text }).transform(({ message }) => message),
  z.object({ detail: text }).transform(({ detail }) => detail),
  z.object({ error_description: text }).transform((body) => body.error_description),
  z.object({ error: text }).transform(({ error }) => error),
  z
    .object({ errors: z.tuple([z.object({ message: text })], z.unknown()) })
    .transform(({ errors }) => errors[0].message),
  z.object({ title: text }).transform(({ title }) => title),
]);

/** A page of HTML explains nothing, and neither does a body that cannot be read. */
async function excerptOf(answer: HttpAnswer, signal: AbortSignal): Promise<string> {
  try {
    const bytes = await readBody(answer, ERROR_BODY_BYTES, signal);
    const { kind, mediaType, value } = parseBody(bytes, answer.response.headers['content-type'], answer.host);
    if (kind === 'json') return explanation.safeParse(value).data ?? '';
    return kind === 'text' && mediaType === 'text/plain' ? value : '';
  } catch (error) {
    if (signal.aborted) throw error;
    return '';
  }
}
