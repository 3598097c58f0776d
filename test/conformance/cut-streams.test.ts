// Needs: nothing but loopback. An answer that breaks off, after any of its bytes, is a whole answer or a typed failure: never a part of one.
import { ApplicationFailure } from '@temporalio/common';
import { createMessagesProvider } from '../../activities/model/messages-provider';
import { createOpenAiProvider } from '../../activities/model/openai-provider';
import type { ModelRequest, ModelResponse } from '../../activities/model/provider';
import { startModelServer } from '../kit/model-server/model-server';
import { script } from '../kit/script';

const TOOL = {
  name: 'weather',
  description: 'The weather of a city',
  input: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false },
};
const REQUEST: ModelRequest = {
  model: 'model',
  instructions: 'Be brief.',
  messages: [{ role: 'user', parts: [{ type: 'text', text: 'What is the weather?' }] }],
  tools: [TOOL],
  parameters: {},
  rawItems: new Map(),
  loadFile: () => Promise.reject(new Error('there is none')),
};

type Fetch = typeof fetch;

describe.each(['responses', 'chat', 'messages'] as const)('an answer over the %s API', (api) => {
  const ask = (baseUrl: string, send: Fetch): Promise<ModelResponse> => {
    const options = { name: 'test', baseUrl, fetch: send };
    const provider = api === 'messages' ? createMessagesProvider(options) : createOpenAiProvider({ ...options, api });
    return provider.generate(REQUEST, { signal: new AbortController().signal });
  };

  /** @returns the bytes of a stream, as a real server sends them */
  async function recorded(): Promise<{ url: string; bytes: Uint8Array; headers: Headers; whole: ModelResponse }> {
    const server = await startModelServer({ script: script().call('weather', { city: 'Lisbon' }) });
    try {
      let bytes = new Uint8Array();
      let headers = new Headers();
      const whole = await ask(server.url, async (url, init) => {
        const response = await fetch(url, init);
        headers = response.headers;
        bytes = new Uint8Array(await response.arrayBuffer());
        return new Response(bytes, { headers });
      });
      return { url: server.url, bytes, headers, whole };
    } finally {
      await server.close();
    }
  }

  /** As a connection that breaks, or as one that ends in order. */
  const cut = (bytes: Uint8Array, headers: Headers, breaks: boolean): Response =>
    new Response(
      new ReadableStream({
        start(controller) {
          if (bytes.length > 0) controller.enqueue(bytes);
          if (!breaks) controller.close();
        },
        pull(controller) {
          if (breaks) controller.error(new TypeError('terminated'));
        },
      }),
      { headers },
    );

  test.each([
    [true, 1],
    [false, 7],
  ])(
    'cut after any of its bytes is whole or a failure to try again (it breaks: %s, each length by %d)',
    async (breaks, step) => {
      const { url, bytes, headers, whole } = await recorded();
      expect(bytes.length).toBeGreaterThan(300);
      let wholes = 0;
      let failures = 0;
      for (let length = bytes.length % step; length <= bytes.length; length += step) {
        const came = await ask(url, () => Promise.resolve(cut(bytes.subarray(0, length), headers, breaks))).catch(
          (error: unknown) => error,
        );
        if (came instanceof ApplicationFailure) {
          expect(came.type).toMatch(/^Model\./);
          expect(came.nonRetryable).toBe(false);
          failures += 1;
        } else {
          expect(came).toMatchObject({ message: whole.message, finish: whole.finish });
          wholes += 1;
        }
      }
      // Both are seen, so that neither is judged by nothing: the last bytes say nothing more in every one of these protocols.
      expect(wholes).toBeGreaterThan(0);
      expect(failures).toBeGreaterThan(bytes.length / step / 2);
    },
    60_000,
  );
});
