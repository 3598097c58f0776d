// The answer of one model call, shown while it comes. A call may ask one provider after another: what the next one says takes the place of
// what the last one had said.
import type { TextPublisher, TextSink } from './port';

export interface ShownAnswer {
  /** Another request begins. */
  begin(): void;
  text(delta: string): void;
  /** Whether somebody was shown some of the answer to the request that is under way. */
  wasRead(): boolean;
  end(): void;
}

export interface AnswerPlace {
  run: string;
  turn: number;
  attempt: number;
  /** When this attempt was scheduled: milliseconds since the epoch, by the clock of Temporal's server. */
  scheduledAt: number;
}

/** @param texts nothing is shown without */
export function showAnswer(texts: TextPublisher | undefined, { scheduledAt, ...place }: AnswerPlace): ShownAnswer {
  let nth = 0;
  let sink: TextSink | undefined;
  const begin = (): void => {
    sink?.end();
    // Attempts are a second apart at least, and no route names so many providers.
    sink = texts?.open({ ...place, begunAt: scheduledAt + nth });
    nth += 1;
  };
  return {
    begin,
    text: (delta) => {
      // Of a call that several tasks share, each is given its own answer whole.
      if (!sink) begin();
      sink?.text(delta);
    },
    wasRead: () => sink?.wasRead() ?? false,
    end: () => sink?.end(),
  };
}
