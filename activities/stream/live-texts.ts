// The answers that a process is being given: of each run the newest. Those that send them on are told when one has grown.
import { createLiveText, type LiveText } from './live-text';
import type { TextPlace, TextSink } from './port';

/** An answer that has ended is still sent to those who read slowly for so long; by then its step has ended too, as a rule. */
const LINGER_MS = 5_000;

export interface LiveTexts {
  open(place: TextPlace): TextSink;
  of(run: string): LiveText | undefined;
  all(): Iterable<LiveText>;
}

/** @param grown must neither wait nor throw */
export function createLiveTexts(grown: (live: LiveText) => void): LiveTexts {
  const newest = new Map<string, LiveText>();
  return {
    of: (run) => newest.get(run),
    all: () => newest.values(),
    open: (place) => {
      const live = createLiveText(place);
      return {
        text: (delta) => {
          if (delta === '') return;
          const other = newest.get(place.run);
          // An attempt that was given up and does not know it yet must not take the place of the one that counts.
          if (other && other.place.begunAt > place.begunAt) return;
          live.append(delta);
          // Not before it has text: until then what the one before it said is what there is to show.
          newest.set(place.run, live);
          grown(live);
        },
        wasRead: () => live.wasRead,
        end: () => {
          setTimeout(() => {
            if (newest.get(place.run) === live) newest.delete(place.run);
          }, LINGER_MS).unref();
        },
      };
    },
  };
}
