// Needs: nothing but loopback. Every provider passes this, whichever API it speaks, against a real HTTP server.
import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { ApplicationFailure } from '@temporalio/common';
import type { FileRef, JsonValue, Message, ToolCallPart } from '../../workflows/contract/message';
import { ModelWaitError } from '../../activities/model/model-wait-error';
import { createMessagesProvider } from '../../activities/model/messages-provider';
import { createOpenAiProvider } from '../../activities/model/openai-provider';
import type { ModelCall, ModelRequest, ModelResponse } from '../../activities/model/provider';
import { startModelServer, type ModelServer, type ModelServerOptions } from '../kit/model-server/model-server';
import { script } from '../kit/script';

const KEY = 'sk-conformance-0123456789abcdef';
const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
const IMAGE: FileRef = {
  sha256: createHash('sha256').update(PNG).digest('hex'),
  mediaType: 'image/png',
  bytes: PNG.length,
  name: 'photo.png',
};
const STRICT = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
const TOOL = { name: 'weather', description: 'The weather of a city', input: STRICT };
const ASK: Message = { role: 'user', parts: [{ type: 'text', text: 'What is the weather?' }] };

function request(more: Partial<ModelRequest> = {}): ModelRequest {
  return {
    model: 'gpt-test',
    instructions: 'Be brief.',
    messages: [ASK],
    tools: [TOOL],
    parameters: {},
    rawItems: new Map(),
    loadFile: (sha256) =>
      sha256 === IMAGE.sha256 ? Promise.resolve(PNG) : Promise.reject(new Error(`No file ${sha256}`)),
    ...more,
  };
}

function toolResult(call: number, parts: (Message & { role: 'tool' })['parts']): Message {
  return { role: 'tool', call, name: 'weather', outcome: 'ok', parts };
}

describe.each(['responses', 'chat', 'messages'] as const)('a provider over the %s API', (api) => {
  let server: ModelServer;
  const model = api === 'messages' ? 'claude-sonnet-5' : 'gpt-test';
  const provider = (more: { fetch?: typeof fetch } = {}) => {
    const options = { name: 'test', baseUrl: server.url, apiKey: KEY, keyFrom: 'TEST_KEY', ...more };
    return api === 'messages' ? createMessagesProvider(options) : createOpenAiProvider({ ...options, api });
  };
  const serve = async (options: ModelServerOptions) => (server = await startModelServer({ apiKey: KEY, ...options }));
  const ask = (more: Partial<ModelRequest> = {}, call: Partial<ModelCall> = {}): Promise<ModelResponse> =>
    provider().generate(request({ model, ...more }), { signal: new AbortController().signal, ...call });
  const failureOf = async (more: Partial<ModelRequest> = {}): Promise<ApplicationFailure> => {
    const error: unknown = await ask(more).catch((thrown: unknown) => thrown);
    if (error instanceof ApplicationFailure) return error;
    throw new Error(`Expected a failure, got ${JSON.stringify(error)}`);
  };
  const sentBody = (nth = -1): { [key: string]: JsonValue } =>
    JSON.parse(server.requests().at(nth)?.body?.toString('utf8') ?? 'null') as { [key: string]: JsonValue };

  afterEach(() => server.close());

  test('text, with what it cost, who answered, and its id', async () => {
    await serve({
      script: script().answer('Sunny in Lisbon, as it always is at this time of the year.', {
        usage: { input: 1200, cached: 1024, output: 40, reasoning: 8 },
      }),
    });
    const pieces: string[] = [];
    const answer = await ask({}, { onDelta: ({ text }) => void (text === undefined || pieces.push(text)) });
    expect(answer.message).toEqual({
      role: 'assistant',
      parts: [{ type: 'text', text: 'Sunny in Lisbon, as it always is at this time of the year.' }],
    });
    expect(answer).toMatchObject({
      finish: 'stop',
      usage: { input: 1200, cachedInput: 1024, output: 40, reasoning: 8 },
      requestId: server.requests()[0]?.requestId,
    });
    expect(answer.model).toContain(model);
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join('')).toBe('Sunny in Lisbon, as it always is at this time of the year.');
  });

  test('the request is named by the hash of the bytes that the server received', async () => {
    await serve({ script: script().answer('ok') });
    const answer = await ask({ instructions: 'Grüße, 世界 🌍' });
    const [received] = server.requests();
    expect(received?.body?.length).toBeGreaterThan(0);
    expect(answer.request).toEqual({ sha256: received?.sha256, bytes: received?.body?.length });
  });

  test('the same request is the same bytes', async () => {
    await serve({ script: script().answer('ok') });
    const [first, second] = [await ask(), await ask()];
    expect(second?.request).toEqual(first?.request);
  });

  test('parallel tool calls are numbered by position, and their results find them again', async () => {
    await serve({
      script: script()
        .calls([
          { name: 'weather', args: { city: 'Lisbon' } },
          { name: 'weather', args: { city: 'Oslo' } },
        ])
        .answer('Lisbon'),
    });
    const answer = await ask();
    const calls: ToolCallPart[] = [
      { type: 'tool-call', call: 0, name: 'weather', arguments: { city: 'Lisbon' } },
      { type: 'tool-call', call: 1, name: 'weather', arguments: { city: 'Oslo' } },
    ];
    expect(answer.message.parts).toEqual(calls);
    expect(answer.finish).toBe('tool-calls');
    const messages = [
      ASK,
      answer.message,
      toolResult(0, [{ type: 'text', text: '25' }]),
      toolResult(1, [{ type: 'text', text: '-3' }]),
    ];
    // The server refuses results whose ids are not those of the calls: once with the provider's own, once with derived ones.
    expect((await ask({ messages, rawItems: new Map([[1, answer.raw]]) })).finish).toBe('stop');
    expect(JSON.stringify(sentBody())).not.toContain('call_1_0');
    expect((await ask({ messages })).finish).toBe('stop');
    expect(JSON.stringify(sentBody())).toContain('call_1_1');
  });

  test('unparseable arguments are kept as they were written, and sent back so', async () => {
    await serve({ script: script().call('weather', '{"city": "Lis').answer('Sorry') });
    const answer = await ask();
    expect(answer.message.parts).toEqual([
      { type: 'tool-call', call: 0, name: 'weather', arguments: { unparsed: '{"city": "Lis' }, malformed: true },
    ]);
    expect(answer.finish).toBe('tool-calls');
    await ask({ messages: [ASK, answer.message, toolResult(0, [{ type: 'text', text: 'Not JSON' }])] });
    expect(JSON.stringify(sentBody())).toContain(JSON.stringify('{"city": "Lis'));
  });

  test('a refusal', async () => {
    await serve({ script: script().refuse('I will not help with that.') });
    const answer = await ask();
    expect(answer.message).toEqual({
      role: 'assistant',
      parts: [{ type: 'text', text: 'I will not help with that.' }],
      refused: true,
    });
    expect(answer.finish).toBe('refusal');
  });

  test('an answer at its length limit, and one that a filter stopped', async () => {
    await serve({ script: script().truncated('It was a dark and').filtered('It was'), order: 'arrival' });
    expect(await ask()).toMatchObject({ finish: 'length', message: { parts: [{ text: 'It was a dark and' }] } });
    expect((await ask()).finish).toBe('content-filter');
  });

  test('an empty answer is an answer', async () => {
    await serve({ script: script().empty() });
    expect(await ask()).toMatchObject({ finish: 'stop', message: { role: 'assistant', parts: [] } });
  });

  test('structured output is asked for in strict mode where the schema allows it', async () => {
    await serve({ script: script().answer({ city: 'Lisbon' }) });
    const answer = await ask({ output: { name: 'place', schema: STRICT } });
    expect(answer.message.parts).toEqual([{ type: 'text', text: '{"city":"Lisbon"}' }]);
    const body = sentBody();
    const asked = { name: 'place', schema: STRICT, strict: true };
    expect(body).toMatchObject(
      {
        chat: { response_format: { type: 'json_schema', json_schema: asked } },
        responses: { text: { format: { type: 'json_schema', ...asked } } },
        messages: { output_config: { format: { type: 'json_schema', schema: STRICT } } },
      }[api],
    );
  });

  test('images, in a question and in the result of a tool', async () => {
    await serve({ script: script().call('weather', { city: 'Lisbon' }).answer('A photo') });
    const question: Message = {
      role: 'user',
      parts: [
        { type: 'text', text: 'Where is this?' },
        { type: 'image', file: IMAGE },
      ],
    };
    const answer = await ask({ messages: [question] });
    const result = toolResult(0, [
      { type: 'text', text: 'See the webcam' },
      { type: 'image', file: IMAGE },
    ]);
    expect((await ask({ messages: [question, answer.message, result] })).finish).toBe('stop');
    expect(JSON.stringify(sentBody()).split(PNG.toString('base64')).length - 1).toBe(2);
  });

  test.each([
    ['a stream cut in the middle', { cutStreamAfterChunks: 2 }],
    ['malformed JSON in an event', { malformedJson: true }],
    ['a page of HTML instead of events', { malformedSse: true }],
  ])('%s is not an answer, and worth another attempt', async (_what, fault) => {
    await serve({
      script: script().answer('One two three four five six seven eight nine ten'),
      faults: [{ do: fault }],
    });
    const failure = await failureOf();
    expect(failure.type).toBe('Model.InvalidResponse');
    expect(failure.nonRetryable).toBe(false);
    expect(server.requests()).toHaveLength(1);
  });

  test.each([
    ['text/html; charset=utf-8', '<html>Welcome</html>', 'text/html'],
    ['text/plain', 'It works!', 'text/plain'],
    ['application/xml', '<ok/>', 'application/xml'],
    ['image/png', 'not to be read', 'image/png'],
  ])('a wrong base URL, which answers %s with status 200, is said at once', async (type, body, said) => {
    await serve({ faults: [{ do: { status: 200, body, headers: { 'content-type': type } } }] });
    const failure = await failureOf();
    expect(failure).toMatchObject({ type: 'Model.NotFound', nonRetryable: true });
    expect(failure.message).toMatch(new RegExp(`answered ${said}, not a stream of events: look at its base URL\\.$`));
    expect(server.requests()).toHaveLength(1);
  });

  test.each(['text/plain', 'application/event-stream', ''])('events under the type "%s" are read', async (type) => {
    await serve({ script: script().answer('One two three') });
    const retyped: typeof fetch = async (...of) => {
      const { body, status, headers } = await fetch(...of);
      const changed = new Headers(headers);
      changed.delete('content-type');
      if (type !== '') changed.set('content-type', type);
      return new Response(body, { status, headers: changed });
    };
    const answer = await provider({ fetch: retyped }).generate(request({ model }), {
      signal: new AbortController().signal,
    });
    expect(answer.message.parts).toContainEqual({ type: 'text', text: 'One two three' });
  });

  test("the provider's own error in the middle of a stream is classified", async () => {
    await serve({ script: script().answer('One two three'), faults: [{ do: { failStreamAfterChunks: 2 } }] });
    expect((await failureOf()).type).toBe('Model.Unavailable');
  });

  test.each([
    [401, 'Model.Authentication', true],
    [404, 'Model.NotFound', true],
    [400, 'Model.BadRequest', true],
    [429, 'Model.RateLimited', false],
    [500, 'Model.Unavailable', false],
    [503, 'Model.Overloaded', false],
    [529, 'Model.Overloaded', false],
  ])('status %d is %s, asked once', async (status, type, nonRetryable) => {
    await serve({ faults: [{ do: { status } }] });
    const failure = await failureOf();
    expect(failure).toMatchObject({ type, nonRetryable });
    expect(server.requests()).toHaveLength(1);
  });

  test('a wrong key is named by where it comes from, never by itself', async () => {
    await serve({ apiKey: 'sk-another-0123456789abcdef', script: script().answer('ok') });
    const failure = await failureOf();
    expect(failure.type).toBe('Model.Authentication');
    expect(failure.message).toContain('TEST_KEY');
    expect(failure.message).not.toContain('0123456789abcdef');
  });

  test.each([401, 400, 429, 500])(
    'a key that the provider repeats with a %d is in no part of the error',
    async (status) => {
      // Nothing of a key can be seen in them: they are known, or they are told.
      const secrets = { apiKey: 'correct-horse', header: 'battery-staple', scheme: 'plain-words' };
      const error = { message: `Not ${secrets.apiKey}, ${secrets.header} or ${secrets.scheme}`, type: 'x', code: 'y' };
      server = await startModelServer({ faults: [{ do: { status, body: { error } } }] });
      const headers = { 'x-gateway-key': secrets.header, 'proxy-authorization': `Basic ${secrets.scheme}` };
      const options = { name: 'test', baseUrl: server.url, apiKey: secrets.apiKey, headers };
      const asking = api === 'messages' ? createMessagesProvider(options) : createOpenAiProvider({ ...options, api });
      const failed: unknown = await asking
        .generate(request({ model }), { signal: new AbortController().signal })
        .catch((thrown: unknown) => thrown);
      const text = inspect(failed, { depth: 8, showHidden: true });
      expect(text).toContain('Not [redacted], [redacted] or [redacted]');
      for (const secret of Object.values(secrets)) expect(text).not.toContain(secret);
      expect(server.requests()[0]?.headers['proxy-authorization']).toBe('[redacted]');
    },
  );

  test('a short retry-after becomes the delay of the next attempt', async () => {
    await serve({ faults: [{ do: { status: 429, retryAfter: 2 } }] });
    const failure = await failureOf();
    expect(failure.type).toBe('Model.RateLimited');
    expect(failure.nextRetryDelay).toBe(2000);
  });

  test('a long retry-after is a wait for the caller', async () => {
    await serve({ faults: [{ do: { status: 429, retryAfter: 120 } }] });
    const before = Date.now();
    const error: unknown = await ask().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ModelWaitError);
    const { waitUntil, reason } = error as ModelWaitError;
    expect(waitUntil).toBeGreaterThanOrEqual(before + 120_000);
    expect(waitUntil).toBeLessThanOrEqual(Date.now() + 120_000);
    expect(reason).toContain('429');
  });

  test('a connection that closes before an answer', async () => {
    await serve({ faults: [{ do: { dropConnection: true } }] });
    expect((await failureOf()).type).toBe('Model.Unavailable');
  });

  test.each([
    ['before the first byte', { hang: true }],
    ['in the middle of the stream', { hangAfterChunks: 3 }],
  ])('cancelled %s: the socket closes, and the reason comes back as it is', async (_when, fault) => {
    await serve({ script: script().answer('One two three four five six seven'), faults: [{ do: fault }] });
    const controller = new AbortController();
    let piece = (): void => undefined;
    const reason = new Error('cancelled by its caller');
    const underWay =
      'hang' in fault ? server.until((counts) => counts.open === 1) : new Promise<void>((resolve) => (piece = resolve));
    const outcome = ask({}, { signal: controller.signal, onDelta: () => piece() }).catch((thrown: unknown) => thrown);
    await underWay;
    controller.abort(reason);
    expect(await outcome).toBe(reason);
    const counts = await server.until((now) => now.open === 0);
    expect(counts.closedByClient).toBe(1);
  });

  test('cancelled before it began: nothing is sent', async () => {
    await serve({ script: script().answer('ok') });
    const reason = new Error('cancelled by its caller');
    await expect(ask({}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(server.requests()).toHaveLength(0);
  });

  test('a file that the store does not have is not the provider’s fault', async () => {
    await serve({ script: script().answer('ok') });
    const missing: Message = { role: 'user', parts: [{ type: 'image', file: { ...IMAGE, sha256: 'a'.repeat(64) } }] };
    await expect(ask({ messages: [missing] })).rejects.toThrow('No file aaaa');
    expect(server.requests()).toHaveLength(0);
  });

  test('parameters reach the API under its own names, others as they are', async () => {
    await serve({ script: script().answer('ok') });
    await ask({
      parameters: {
        temperature: 0.2,
        maxOutputTokens: 500,
        reasoningEffort: 'low',
        service_tier: 'flex',
        stream: false,
      },
    });
    expect(sentBody()).toMatchObject({
      temperature: 0.2,
      service_tier: 'flex',
      stream: true,
      ...{
        chat: { max_completion_tokens: 500, reasoning_effort: 'low' },
        responses: { max_output_tokens: 500, reasoning: { effort: 'low' } },
        messages: { max_tokens: 500, thinking: { type: 'adaptive' }, output_config: { effort: 'low' } },
      }[api],
    });
    expect(sentBody()).not.toHaveProperty('maxOutputTokens');
  });
});

describe('a provider over the responses API', () => {
  test('reasoning goes back exactly as it came, nothing is stored', async () => {
    const server = await startModelServer({
      script: script()
        .reasoning('The user wants the weather', { encrypted: 'b3BhcXVl', tokens: 32 })
        .call('weather', { city: 'Lisbon' })
        .answer('25'),
    });
    try {
      const provider = createOpenAiProvider({ name: 'test', api: 'responses', baseUrl: server.url });
      const call = { signal: new AbortController().signal };
      const parameters = { reasoningEffort: 'medium' };
      const answer = await provider.generate(request({ parameters }), call);
      expect(answer.message.parts).toEqual([
        { type: 'reasoning', text: 'The user wants the weather' },
        { type: 'tool-call', call: 0, name: 'weather', arguments: { city: 'Lisbon' } },
      ]);
      expect(answer.usage.reasoning).toBe(32);
      const messages = [ASK, answer.message, toolResult(0, [{ type: 'text', text: '25' }])];
      await provider.generate(request({ parameters, messages, rawItems: new Map([[1, answer.raw]]) }), call);
      const body = JSON.parse(server.requests()[1]?.body?.toString('utf8') ?? 'null') as { input: JsonValue[] };
      const raw = answer.raw as JsonValue[];
      expect(raw[0]).toMatchObject({ type: 'reasoning', encrypted_content: 'b3BhcXVl' });
      expect(body.input.slice(1, 1 + raw.length)).toEqual(raw);
      expect(body).toMatchObject({ store: false, include: ['reasoning.encrypted_content'] });
      expect(server.requests()[1]?.headers).not.toHaveProperty('authorization');
    } finally {
      await server.close();
    }
  });
});
