// Signing in with a key of the API, and out again.
import { html, NOTHING, type Html } from './html';
import type { Page } from './page';

const TROUBLES = {
  wrong: 'That is no key of this server.',
  lost: 'Your session has ended: what you sent was not taken. Nothing was done.',
};

/** @param to where the reader wanted to go; @param trouble a key that is none of this server's, or a form without a session */
export const signInPage = (to: string, trouble?: keyof typeof TROUBLES): Page => ({
  title: 'Sign in',
  status: trouble === 'wrong' ? 401 : 200,
  body: html`<h1>Sign in</h1>
    ${trouble === undefined ? NOTHING : html`<p class="wrong" role="alert">${TROUBLES[trouble]}</p>`}
    <form method="post" action="/ui/sign-in" class="sign-in">
      <label>
        Key of the API
        <input type="password" name="key" required autocomplete="current-password" spellcheck="false" autofocus />
      </label>
      <input type="hidden" name="to" value="${to}" />
      <button>Sign in</button>
    </form>
    <p>
      As <code>longhaul api-key NAME --scope read</code> makes one. It is good for twelve hours here, and is not kept.
    </p>`,
});

/** A page of this dashboard, and nothing else: a form that leads elsewhere is none of ours. */
export const safePlace = (to: string | null): string =>
  to !== null && /^\/ui(\/[^\\\s]*)?$/.test(to) && !to.startsWith('/ui/sign-') ? to : '/ui';

/**
 * A link in a mail or a chat comes from another site, and a browser sends no cookie with it that is for this site alone. Asked for again by
 * this page it does.
 */
export const arrivedPage = (to: string): Html =>
  html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="refresh" content="0" />
        <title>Longhaul</title>
      </head>
      <body>
        <a href="${to}">Go on</a>
      </body>
    </html>`;
