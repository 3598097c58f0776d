// What a provider says about an error is shown to people and kept in histories. It may repeat the key it was given.
import { FAILURE_CHARS } from '../../workflows/contract/limits';
import { redacted } from '../redact';

/** Characters of a failure's message: one line in a list of runs. */
export const ERROR_MESSAGE_CHARS = FAILURE_CHARS;

/** Of providers alone: in the error of a tool these would be file names, commits and settings more often than keys. */
const OF_PROVIDERS: readonly RegExp[] = [
  /\bkey[-_][\w*.…-]{4,}/gi,
  // A key that the provider itself has masked: `abcd****wxyz`.
  /[\w-]*\*{3,}[\w-]*/g,
  // Long runs of mixed letters and digits are keys more often than words. Dashed ids of requests stay readable.
  /(?=[A-Za-z0-9_]*\d)(?=[A-Za-z0-9_]*[A-Za-z])\b[A-Za-z0-9_]{32,}\b/g,
];

/** One line without secrets. @param known secrets that must not show, whatever they look like */
export const redactErrorText = (text: string, known: readonly string[] = []): string =>
  redacted(text, known, OF_PROVIDERS);
