// A wait is over when its caller has gone, or when its time is.

/**
 * Not `AbortSignal.any` of an `AbortSignal.timeout`: nobody else holds that one, Node 20 collects it as garbage, and who waits then waits for ever.
 * @param gone is aborted in the end, whatever comes first: until then the time is kept
 */
export function signalWithin(gone: AbortSignal, withinMs: number): AbortSignal {
  const over = new AbortController();
  const end = (): void => {
    clearTimeout(timer);
    gone.removeEventListener('abort', end);
    over.abort();
  };
  const timer = setTimeout(end, withinMs);
  timer.unref();
  gone.addEventListener('abort', end, { once: true });
  if (gone.aborted) end();
  return over.signal;
}
