// What pages do beside being read: they look again every few seconds, and go by keys. Without this script all of them work all the same.
(() => {
  'use strict';

  /** @param {Element | null} at */
  const isField = (at) => at instanceof HTMLElement && at.matches('input, textarea, select');

  /** Whether somebody is at something of it, which must not be taken from under their hands: nor may another request come in its place. */
  const isInUse = (/** @type {Element} */ part) =>
    part.querySelector(':is(input, textarea, select, button, summary):focus, form:hover') !== null ||
    [...part.querySelectorAll('input:not([type=hidden]), textarea')].some((one) => one.value !== one.defaultValue) ||
    part.querySelector('details[open]') !== null;

  /**
   * Where the reader is stays where it is: the same link, by its address.
   * @returns whether it is now as it came
   */
  function replace(/** @type {Element} */ part, /** @type {Element} */ fresh) {
    const [version, now] = [part.getAttribute('data-version'), fresh.getAttribute('data-version')];
    // Of what differs each time it is made its version says whether it is another.
    if (version === null ? part.innerHTML === fresh.innerHTML : version === now) return true;
    if (isInUse(part)) return false;
    if (now !== null) part.setAttribute('data-version', now);
    const focused = part.contains(document.activeElement) ? document.activeElement?.getAttribute('href') : null;
    part.replaceChildren(...fresh.childNodes);
    if (!focused) return true;
    const again = [...part.querySelectorAll('a[href]')].find((link) => link.getAttribute('href') === focused);
    if (again instanceof HTMLElement) again.focus({ preventScroll: true });
    return true;
  }

  const liveParts = () => [...document.querySelectorAll('[data-live]:not([data-live=""])[id]')];

  /** The version that is on the page: of one that is the same the server sends nothing. */
  let seen = document.getElementById('main')?.getAttribute('data-seen') ?? '';

  /** A server that hangs is one that is gone; a long run takes it some seconds. */
  const ANSWER_MS = 30_000;
  let followedUntil = new Date();

  /** What is old is not to be taken for what is. @param why empty where it is followed */
  function sayStale(/** @type {string} */ why) {
    const told = document.getElementById('stale');
    if (why === '') followedUntil = new Date();
    if (!told) return;
    const text = why && `${why} What stands here is as it was at ${followedUntil.toISOString().slice(11, 19)} UTC.`;
    if (told.textContent !== text) told.textContent = text;
    told.hidden = text === '';
  }

  async function lookAgain() {
    if (document.visibilityState !== 'visible') return;
    const answer = await fetch(location.href, {
      headers: { 'if-none-match': `"${seen}"` },
      credentials: 'same-origin',
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    // To the page where one signs in.
    if (answer.type === 'opaqueredirect') return sayStale('You are signed out: load the page to sign in again.');
    if (!answer.ok && answer.status !== 304) return sayStale(`The server cannot show this now (${answer.status}).`);
    sayStale('');
    if (answer.status === 304) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
    let isWhole = true;
    for (const part of liveParts()) {
      const other = fresh.getElementById(part.id);
      if (!other) continue;
      if (!replace(part, other)) isWhole = false;
      part.setAttribute('data-live', other.getAttribute('data-live') ?? '');
    }
    seen = isWhole ? (fresh.getElementById('main')?.getAttribute('data-seen') ?? '') : '';
  }

  function goOn() {
    const seconds = Math.min(...liveParts().map((part) => Number(part.getAttribute('data-live'))));
    if (!Number.isFinite(seconds)) return;
    setTimeout(
      () =>
        lookAgain()
          .catch(() => sayStale('The server does not answer.'))
          .finally(goOn),
      seconds * 1000,
    );
  }
  goOn();

  /** The first link of each row that has one. */
  const rows = () => [...document.querySelectorAll('[data-row]')].flatMap((row) => row.querySelector('a') ?? []);

  function move(/** @type {number} */ by) {
    const all = rows();
    if (all.length === 0) return;
    const row = document.activeElement?.closest('[data-row]');
    const at = row ? all.findIndex((link) => link.closest('[data-row]') === row) : -1;
    const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by));
    const link = all[next];
    if (link instanceof HTMLElement) link.focus();
  }

  /** By a copy of what the server has: of a page's text some characters are shown by their number. */
  async function copy(/** @type {HTMLElement} */ button) {
    const told = button.parentElement?.querySelector('[role=status]');
    const answer = await fetch(button.dataset.copy ?? '', { credentials: 'same-origin', redirect: 'error' });
    if (answer.ok) await navigator.clipboard.writeText(await answer.text());
    if (told) told.textContent = answer.ok ? 'Copied.' : 'It is not there any more.';
  }

  // Where the page did not come safely a browser has no clipboard for it; the file is there all the same.
  if (navigator.clipboard)
    for (const button of document.querySelectorAll('button[data-copy]'))
      if (button instanceof HTMLElement) {
        button.hidden = false;
        button.addEventListener('click', () => void copy(button).catch(() => undefined));
      }

  let isGoing = false;
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isField(document.activeElement)) return;
    const place = isGoing ? document.querySelector(`[data-go="${CSS.escape(event.key)}"]`) : null;
    isGoing = event.key === 'g' && !isGoing;
    if (place instanceof HTMLElement) return void place.click();
    if (event.key === 'j') move(1);
    else if (event.key === 'k') move(-1);
    else if (event.key === '/') {
      const search = document.querySelector('[data-search]');
      if (!(search instanceof HTMLElement)) return;
      event.preventDefault();
      search.focus();
    } else if (event.key === '?') {
      const help = document.getElementById('help');
      if (help instanceof HTMLDialogElement && !help.open) help.showModal();
    }
  });
})();
