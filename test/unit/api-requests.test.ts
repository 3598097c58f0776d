// Needs: nothing. What is left of a request once it has been answered.
import { IncomingMessage, ServerResponse, createServer } from 'node:http';
import { Socket } from 'node:net';
import type { Client } from '@temporalio/client';
import { createMemoryStore } from '../../activities/store';
import { createApi } from '../../client/api/create-api';
import { sentPieceByPiece } from '../../client/api/sent-piece-by-piece';

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

test('an answer that comes to no end while it is written is cut, so that nobody takes it for whole', async () => {
  const reported: unknown[] = [];
  const broken = new Error('the rest is away');
  const server = createServer((incoming, outgoing) => {
    const gone = new AbortController().signal;
    void sentPieceByPiece({ node: { incoming, outgoing }, report: (error) => reported.push(error), gone }, async () => {
      if (incoming.url === '/never') throw broken;
      outgoing.writeHead(200);
      outgoing.write('begun');
      throw broken;
    }).catch(() => outgoing.writeHead(500).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const bound = server.address();
    const url = `http://127.0.0.1:${typeof bound === 'object' && bound ? bound.port : 0}`;
    const text = fetch(url).then((response) => response.text());
    await expect(text).rejects.toThrow();
    expect(reported).toEqual([broken]);
    expect((await fetch(`${url}/never`)).status).toBe(500);
    expect(reported).toHaveLength(1);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
