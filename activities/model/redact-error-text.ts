// What a provider says about an error is shown to people and kept in histories. It may repeat the key it was given.

/** Characters of a failure's message: one line in a list of runs. */
export const ERROR_MESSAGE_CHARS = 300;

const REDACTED = '[redacted]';

const SECRETS: readonly RegExp[] = [
  /\b(bearer|basic)\s+[\w.~+/=*-]{6,}/gi,
  /\b(?:sk|pk|rk|gsk|xai|pplx|hf|fw|r8|nvapi|ghp|csk|key)[-_][\w*.…-]{4,}/gi,
  /\bAIza[\w-]{10,}/g,
  /\beyJ[\w-]{8,}(?:\.[\w-]+){1,2}/g,
  // Named in passing: `api_key=...`, `"token": "..."`.
  /(?<=\b(?:api[-_ ]?key|access[-_ ]?token|token|secret|password|authorization)["']?\s*[:=]\s*["']?)[\w.~+/-]{8,}/gi,
  // A key that the provider itself has masked: `abcd****wxyz`.
  /[\w-]*\*{3,}[\w-]*/g,
  // The user part of a URL.
  /(?<=:\/\/)[^\s/@]+(?=@)/g,
  // Long runs of mixed letters and digits are keys more often than words. Dashed ids of requests stay readable.
  /(?=[A-Za-z0-9_]*\d)(?=[A-Za-z0-9_]*[A-Za-z])\b[A-Za-z0-9_]{32,}\b/g,
];

/** One line without secrets. @param known secrets that must not show, whatever they look like */
export function redactErrorText(text: string, known: readonly string[] = []): string {
  let clean = text;
  for (const secret of known) if (secret.length > 3) clean = clean.replaceAll(secret, REDACTED);
  for (const secret of SECRETS) clean = clean.replace(secret, REDACTED);
  // Control characters too: a terminal must not obey a provider's text.
  return clean.replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
}

/** @returns at most `max` characters, an ellipsis where something was cut */
export function cutText(text: string, max: number): string {
  if (text.length <= max) return text;
  const cut = text.slice(0, Math.max(0, max - 1));
  return `${cut.replace(/[\ud800-\udbff]$/, '').trimEnd()}…`;
}
