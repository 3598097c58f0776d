// Gives a call up whose answer does not begin, where another provider can be asked: nothing has been said yet, so nothing is said twice.
import type { ModelCall } from '../../model/provider';

export interface WatchedCall {
  call: ModelCall;
  /** Milliseconds from its sending; undefined while nothing has come. */
  firstTokenMs(): number | undefined;
  /** That has come. */
  text(): string;
  /** It was given up, for that and no other reason. */
  isGivenUp(): boolean;
  end(): void;
}

/** @param withinMs undefined: it is waited for as long as the call may take */
export function watchFirstToken(call: ModelCall, withinMs: number | undefined, now: () => number): WatchedCall {
  const startedAt = now();
  const late = new AbortController();
  const timer = withinMs === undefined ? undefined : setTimeout(() => late.abort(), withinMs);
  let firstAt: number | undefined;
  const came: string[] = [];
  return {
    call: {
      ...call,
      signal: withinMs === undefined ? call.signal : AbortSignal.any([call.signal, late.signal]),
      onDelta: (delta) => {
        if (!delta.isPreface && firstAt === undefined) {
          firstAt = now();
          clearTimeout(timer);
        }
        if (delta.text !== undefined) came.push(delta.text);
        call.onDelta?.(delta);
      },
    },
    firstTokenMs: () => (firstAt === undefined ? undefined : firstAt - startedAt),
    text: () => came.join(''),
    isGivenUp: () => late.signal.aborted && !call.signal.aborted,
    end: () => clearTimeout(timer),
  };
}
