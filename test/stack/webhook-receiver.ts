// Whoever is told by webhooks: a real HTTP server, that checks signatures as OpenAI's client does, which follows Standard Webhooks too.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';

/** Of 32 bytes that anybody may know. */
export const WEBHOOK_SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

export interface Received {
  id: string;
  path: string;
  isSigned: boolean;
  /** Each test says which of its members it means. */
  body: { type: string; timestamp: string; data: { [name: string]: unknown } };
}

export interface WebhookReceiver {
  readonly url: string;
  readonly received: Received[];
  close(): Promise<void>;
}

export interface ReceiverOptions {
  /** @default a free one */
  port?: number;
  /** Of the n-th delivery to a path, from 1. @default 204 */
  answer?: (path: string, nth: number) => { status: number; headers?: { [name: string]: string } };
}

export async function startWebhookReceiver({
  port = 0,
  answer = () => ({ status: 204 }),
}: ReceiverOptions = {}): Promise<WebhookReceiver> {
  const received: Received[] = [];
  const { webhooks } = new OpenAI({ apiKey: 'none' });
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      void (async () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const { headers, url: path = '' } = request;
        const isSigned = await webhooks
          .verifySignature(text, headers as { [name: string]: string }, WEBHOOK_SECRET)
          .then(() => true)
          .catch(() => false);
        const body = JSON.parse(text) as Received['body'];
        received.push({ id: String(headers['webhook-id']), path, isSigned, body });
        const said = answer(path, received.filter((one) => one.path === path).length);
        response.writeHead(said.status, said.headers).end();
      })();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
