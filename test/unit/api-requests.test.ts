// Needs: nothing. What is left of a request once it has been answered.
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Client } from '@temporalio/client';
import { createMemoryStore } from '../../activities/store';
import { createApi } from '../../client/api/create-api';

/** How Node 20 calls what a signal keeps of those that `AbortSignal.any` has made of it. */
const DEPENDANTS = 'Symbol(kDependantSignals)';
function keptBy(signal: AbortSignal): number {
  const symbol = Object.getOwnPropertySymbols(signal).find((one) => String(one) === DEPENDANTS);
  const kept: unknown = symbol && Reflect.get(signal, symbol);
  return kept instanceof Set ? kept.size : 0;
}

test('whatever lives as long as the server keeps nothing of a request', async () => {
  const over = new AbortController();
  const listening = jest.spyOn(over.signal, 'addEventListener');
  const silenced = jest.spyOn(over.signal, 'removeEventListener');
  const app = createApi({
    ...{ temporal: {} as Client, store: createMemoryStore(), taskQueue: 'agents', tenant: 'acme', keys: [] },
    ...{ over: over.signal, report: () => undefined },
  });
  for (let nth = 0; nth < 50; nth += 1) {
    const incoming = new IncomingMessage(new Socket());
    const outgoing = new ServerResponse(incoming);
    const { status } = await app.fetch(new Request('http://localhost/v1/agents', { headers: { host: 'localhost' } }), {
      incoming,
      outgoing,
    });
    expect(status).toBe(200);
    outgoing.emit('close');
  }
  expect(keptBy(over.signal)).toBe(0);
  expect(silenced).toHaveBeenCalledTimes(listening.mock.calls.length);
});
