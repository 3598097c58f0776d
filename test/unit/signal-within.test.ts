// A wait over HTTP is over in time, whatever is collected as garbage meanwhile.
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { signalWithin } from '../../client/api/signal-within';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Nothing else keeps what it waits by, as nothing does in a request. */
function waitEnds(gone: AbortSignal, withinMs: number): Promise<void> {
  const over = signalWithin(gone, withinMs);
  return new Promise((resolve) => over.addEventListener('abort', () => resolve(), { once: true }));
}

test('a wait ends when its time is over, whatever is collected as garbage meanwhile', async () => {
  const callers = Array.from({ length: 50 }, () => new AbortController());
  const ended = Promise.all(callers.map(({ signal }) => waitEnds(signal, 100)));
  await pause(20);
  collectGarbage();
  await ended;
});

test('a wait ends when its caller has gone, before or after it began', async () => {
  const caller = new AbortController();
  const ended = waitEnds(caller.signal, 60_000);
  caller.abort();
  await ended;
  expect(signalWithin(caller.signal, 60_000).aborted).toBe(true);
});
