// Forms are taken from this server's own pages alone: by what the browser says of where they come from, and by a word that only those pages know.
import { createHash, timingSafeEqual } from 'node:crypto';
import { Problem } from '../api/problem';

/** @throws Problem `Api.Forbidden` */
export function requireOwnPage(headers: Headers): void {
  const site = headers.get('sec-fetch-site');
  const origin = headers.get('origin');
  // A browser says at least one of them with a form. Of the origin its host is compared: who ends TLS before us has another scheme.
  const isOwn =
    (site !== null || origin !== null) &&
    (site === null || site === 'same-origin') &&
    (origin === null || hostOf(origin) === headers.get('host'));
  if (!isOwn) throw new Problem('Api.Forbidden', 'forms of other sites are not taken.');
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

/** @param token of the session @throws Problem `Api.Forbidden` */
export function requireToken(token: string, form: URLSearchParams): void {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  if (timingSafeEqual(digest(form.get('token') ?? ''), digest(token))) return;
  throw new Problem('Api.Forbidden', 'the form is of an earlier session: load the page again.');
}
