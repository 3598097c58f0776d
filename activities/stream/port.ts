// What a model says while it says it, for whoever watches: from the process that makes the call to any number of readers. Nothing of it
// is kept, nobody waits for it, and the answer itself stands in the store once it is whole.

/** Which answer a text is of. */
export interface TextPlace {
  /** Id of the run. */
  run: string;
  turn: number;
  /** Of the call, from 1, as Temporal counts. */
  attempt: number;
  /**
   * When the request was begun that it answers: milliseconds since the epoch, by the clock of Temporal's server. Of two answers of a run the
   * later one counts, and takes the place of the other.
   */
  begunAt: number;
}

/**
 * A piece of an answer. It stands at `sequence - text.length`; from 0 it is all of the answer so far, and whatever was there before is void.
 * So a reader that cuts what it has at that place and appends is right after a retry, a gap and a repetition.
 */
export interface TextEvent extends TextPlace {
  /** Characters of the answer so far, as JavaScript counts them, with these. */
  sequence: number;
  text: string;
}

/** How far somebody has read. An event is one. */
export type TextPosition = Pick<TextEvent, 'begunAt' | 'sequence'>;

/** One answer on its way. None of its methods waits or throws, whatever becomes of its readers. */
export interface TextSink {
  text(delta: string): void;
  /** Whether some of it was sent to a reader. */
  wasRead(): boolean;
  /** No more comes of it. */
  end(): void;
}

export interface TextPublisher {
  open(place: TextPlace): TextSink;
  close(): Promise<void>;
}

export interface TextReader {
  /**
   * Begins with all of the answer that is under way, or with what comes after a position, and goes on with what comes, until it is left
   * or `signal` says so. Who reads slowly gets larger pieces. A publisher that goes away is waited for.
   */
  read(run: string, options?: { after?: TextPosition; signal?: AbortSignal }): AsyncGenerator<TextEvent, void>;
  close(): Promise<void>;
}
