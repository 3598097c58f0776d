// A reader's side of any adapter: takes events as they come, from several publishers, twice or with gaps, and hands on each character of the
// answer that counts once. It keeps what was not handed on yet, and nothing else.
import { createBell } from './bell';
import { TEXT_CHARS_MAX } from './live-text';
import type { TextEvent, TextPlace, TextPosition } from './port';

export interface TextFollower {
  /** @returns whether something is missing before it: then it was not taken, and is to be asked for */
  take(event: TextEvent): 'taken' | 'old' | 'gap';
  /** How far it has been told. */
  readonly told: TextPosition | undefined;
  /** What it has been told, in pieces as large as its reader is slow, until `signal`. */
  events(signal: AbortSignal): AsyncGenerator<TextEvent, void>;
}

export function createTextFollower(after?: TextPosition): TextFollower {
  let told = after;
  let place: TextPlace | undefined;
  let pending: string[] = [];
  const bell = createBell();

  function pull(): TextEvent | undefined {
    if (!place || !told || pending.length === 0) return undefined;
    const text = pending.join('');
    pending = [];
    return { ...place, sequence: told.sequence, text };
  }
  return {
    get told() {
      return told;
    },
    take: ({ sequence, text, ...of }) => {
      const { begunAt } = of;
      if (told && begunAt < told.begunAt) return 'old';
      const isNew = begunAt !== told?.begunAt;
      const have = isNew ? 0 : (told?.sequence ?? 0);
      const from = sequence - text.length;
      if (from < 0 || sequence > TEXT_CHARS_MAX) return 'old';
      // Of a new answer too: whoever is asked for the rest must know that it is asked for that one.
      if (from > have) return 'gap';
      if (sequence <= have) return 'old';
      if (isNew) pending = [];
      pending.push(text.slice(have - from));
      place = of;
      told = { begunAt, sequence };
      bell.ring();
      return 'taken';
    },
    events: async function* (signal) {
      signal.addEventListener('abort', bell.ring, { once: true });
      try {
        while (!signal.aborted) {
          const event = pull();
          if (event) yield event;
          else await bell.rung();
        }
      } finally {
        signal.removeEventListener('abort', bell.ring);
      }
    },
  };
}
