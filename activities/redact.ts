// Texts of errors reach histories, logs, models and terminals. Whatever looks like a credential is taken out of them first.

import { FAILURE_CHARS } from '../workflows/contract/limits';

const REDACTED = '[redacted]';

const CREDENTIALS: readonly RegExp[] = [
  /\bbearer\s+[\w.~+/=*-]{6,}/gi,
  // With a digit or padding: `basic settings` are none.
  /\bbasic\s+(?=[\w.~+/*-]*[\d=*])[\w.~+/=*-]{6,}/gi,
  /\b(?:sk|pk|rk|gsk|xai|pplx|hf|fw|r8|nvapi|csk|gh[oprsu]|github_pat|glpat|lhk|xox[abp])[-_][\w*.…-]{4,}/gi,
  /\bAIza[\w-]{10,}/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b/g,
  /\beyJ[\w-]{8,}(?:\.[\w-]+){1,2}/g,
  // Named in passing: `api_key=...`, `"token": "..."`.
  /(?<=\b(?:api[-_ ]?key|access[-_ ]?token|token|secret|password|passwd|pass|pwd|authorization)["']?\s*[:=]\s*["']?)[\w.~+/-]{8,}/gi,
  // The user part of a URL. A password may hold a slash that nobody escaped.
  /(?<=:\/\/)[^\s/@]+(?=@)/g,
  /(?<=:\/\/)[^\s/:@]+:[^\s@]+(?=@)/g,
];
/** A secret shorter than this would take ordinary words out. */
const SECRET_CHARS = 4;

/**
 * One line without secrets, of any length.
 * @param known secrets that must not show, whatever they look like
 * @param more patterns, global, of what else must not show
 */
export const redacted = (text: string, known: readonly string[] = [], more: readonly RegExp[] = []): string =>
  // Control characters too: a terminal must not obey what somebody else wrote.
  withoutCredentials(text, known, more)
    .replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ')
    .trim();

/** As `redacted`, with its lines as they are. */
export function withoutCredentials(text: string, known: readonly string[], more: readonly RegExp[] = []): string {
  // The longest first: one secret may hold another.
  const secrets = known.filter(({ length }) => length >= SECRET_CHARS).sort((a, b) => b.length - a.length);
  const hidden = secrets.reduce((left, secret) => left.replaceAll(secret, REDACTED), text);
  return [...CREDENTIALS, ...more].reduce((left, pattern) => left.replace(pattern, REDACTED), hidden);
}

/** A secret shorter than this may stand in a result by chance. */
const SECRET_CHARS_IN_RESULT = 8;

/** What a tool answered, without the secrets that it was given: as they are, and as JSON writes them. Nothing else is taken out. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  const forms = secrets
    .filter(({ length }) => length >= SECRET_CHARS_IN_RESULT)
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)])
    .sort((a, b) => b.length - a.length);
  return forms.reduce((left, form) => left.replaceAll(form, REDACTED), text);
}

/** @returns at most `max` characters, an ellipsis where something was cut */
export function cutText(text: string, max: number): string {
  if (text.length <= max) return text;
  const cut = text.slice(0, Math.max(0, max - 1));
  return `${cut.replace(/[\ud800-\udbff]$/, '').trimEnd()}…`;
}

/** One line of at most FAILURE_CHARS characters, without secrets. */
export const safeText = (text: string, secrets: readonly string[] = []): string =>
  cutText(redacted(text, secrets), FAILURE_CHARS);
