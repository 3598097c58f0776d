// One answer as far as it has come, from which every reader is given what it has not read: so none needs a queue of its own.
import type { TextEvent, TextPlace } from './port';

/** More of an answer is not shown while it comes. No model writes so much today. */
export const TEXT_CHARS_MAX = 1_000_000;

export interface LiveText {
  readonly place: TextPlace;
  /** Characters so far. */
  readonly sequence: number;
  wasRead: boolean;
  append(text: string): void;
  /** @returns what comes after so many characters, at most `most` of them; undefined where there is none */
  since(sequence: number, most?: number): TextEvent | undefined;
}

export function createLiveText(place: TextPlace): LiveText {
  // In pieces: a text that is appended to and cut in turns would be copied whole each time.
  const pieces: { from: number; text: string }[] = [];
  let length = 0;
  let isFull = false;
  return {
    place,
    wasRead: false,
    get sequence() {
      return length;
    },
    append: (text) => {
      const kept = isFull ? '' : whole(text, TEXT_CHARS_MAX - length);
      isFull = kept.length < text.length;
      if (kept !== '') pieces.push({ from: length, text: kept });
      length += kept.length;
    },
    since: (sequence, most = Infinity) => {
      const from = Math.max(0, sequence);
      if (from >= length) return undefined;
      // Readers are near the end, as a rule.
      const first = pieces.findLastIndex((piece) => piece.from <= from);
      const rest = pieces
        .slice(first)
        .map(({ text }) => text)
        .join('');
      const text = whole(rest.slice(from - (pieces[first]?.from ?? 0)), most);
      return { ...place, sequence: from + text.length, text };
    },
  };
}

/** Its first characters; a pair that makes one character is not parted. */
function whole(text: string, most: number): string {
  if (text.length <= most) return text;
  const last = text.charCodeAt(most - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? most - 1 : most);
}
