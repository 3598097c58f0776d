// What of a call cannot be read any more, and why: all else of it stands below.
import type { GonePart } from '../call-content';
import { html, NOTHING, shownText, type Html } from './html';

export const gonePartsHtml = (gone: readonly GonePart[]): Html =>
  html`${gone.map((one) => goneHtml(one, nameOf(one)))}`;

/** @param name what it is, at the beginning of a sentence */
export const goneHtml = ({ why, preview }: Pick<GonePart, 'why' | 'preview'>, name: string): Html =>
  html`<p class="bad">
    ${name} cannot be read:
    ${shownText(why)}${preview === undefined ? NOTHING : html` It begins: ${shownText(preview)}`}
  </p>`;

function nameOf({ part, position }: GonePart): string {
  if (position !== null) return `Message ${position} of what it ${part === 'given' ? 'was given' : 'answered'}`;
  return 'What it was given, or the first of it,';
}
