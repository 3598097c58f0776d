// The events of responses in the background, for readers who were cut off: told once, whoever listens, kept with their numbers, and read from
// behind any of them. They are kept in this process alone. The response itself is in the store, for as long as the run is.
import { createBell, type Bell } from '../../../activities/stream/bell';
import { Problem } from '../problem';

/** After the last event. Whoever was cut off comes back within seconds. */
const KEPT_MS = 600_000;
/** Nobody has listened for so long: the response goes on, and is retrieved. */
const UNHEARD_MS = 600_000;
/** Of one response, in characters; of one that says more the oldest go. */
const KEPT_CHARS = 8 * 1024 * 1024;

export interface EventLog {
  add(text: string): void;
  /** What is written of each event that comes after one, as it comes; undefined where that is not kept any more. */
  read(after: number, gone: AbortSignal): AsyncGenerator<string> | undefined;
}

export interface EventLogs {
  of(id: string): EventLog | undefined;
  /** @param tell adds what there is to tell, until it is told all, or nobody has listened for too long */
  begin(id: string, tell: (log: EventLog, stop: AbortSignal) => Promise<void>): EventLog;
}

interface Kept {
  texts: string[];
  /** Number of the first. */
  first: number;
  chars: number;
  state: 'told' | 'telling' | 'broken';
  readers: Set<Bell>;
}

/** @param over ends all of them */
export function createEventLogs(over: AbortSignal): EventLogs {
  const logs = new Map<string, EventLog>();
  return {
    of: (id) => logs.get(id),
    begin: (id, tell) => {
      const kept: Kept = { texts: [], first: 0, chars: 0, state: 'telling', readers: new Set() };
      const unheard = new AbortController();
      let silence: NodeJS.Timeout | undefined;
      const listens = (): void => {
        clearTimeout(silence);
        if (kept.readers.size === 0) silence = setTimeout(() => unheard.abort(), UNHEARD_MS).unref();
      };
      const log = logOf(kept, listens);
      logs.set(id, log);
      listens();
      const stop = AbortSignal.any([over, unheard.signal]);
      void tell(log, stop)
        .then(
          () => (kept.state = stop.aborted ? 'broken' : 'told'),
          () => (kept.state = 'broken'),
        )
        .finally(() => {
          clearTimeout(silence);
          for (const bell of kept.readers) bell.ring();
          // A log that ends in the middle is no use to anybody who comes later.
          if (kept.state === 'broken') logs.delete(id);
          else setTimeout(() => logs.delete(id), KEPT_MS).unref();
        });
      return log;
    },
  };
}

function logOf(kept: Kept, listens: () => void): EventLog {
  const until = (): number => kept.first + kept.texts.length;
  async function* from(next: number, gone: AbortSignal): AsyncGenerator<string> {
    const bell = createBell();
    kept.readers.add(bell);
    listens();
    gone.addEventListener('abort', bell.ring);
    try {
      for (let at = next; !gone.aborted;) {
        const text = kept.texts[at - kept.first];
        if (text !== undefined) {
          at += 1;
          yield text;
        } else if (kept.state === 'told') return;
        // Who is too slow finds that what comes next is not kept any more.
        else if (kept.state === 'broken' || at < kept.first)
          throw new Problem('Api.Unexpected', 'the events were cut off.');
        else await bell.rung();
      }
    } finally {
      kept.readers.delete(bell);
      listens();
    }
  }
  return {
    add: (text) => {
      kept.texts.push(text);
      kept.chars += text.length;
      while (kept.chars > KEPT_CHARS && kept.texts.length > 1) {
        kept.chars -= kept.texts.shift()?.length ?? 0;
        kept.first += 1;
      }
      for (const bell of kept.readers) bell.ring();
    },
    read: (after, gone) => (after + 1 < kept.first || after >= until() ? undefined : from(after + 1, gone)),
  };
}
