// Needs: nothing but free local ports. Every fault of a plan, as the real client package meets it.
import OpenAI, { APIConnectionError, APIError } from 'openai';
import { script, startModelServer, type Fault, type ModelServer, type ModelServerOptions } from '../kit/model-server';

let server: ModelServer;
let client: OpenAI;
const TEXT = 'An answer of some length, so that its stream has many events. '.repeat(4);

async function start(faults: readonly Fault[], options: ModelServerOptions = {}): Promise<void> {
  server = await startModelServer({ script: script().answer(TEXT), faults, ...options });
  client = new OpenAI({ baseURL: server.url, apiKey: 'sk-test-key-0001', maxRetries: 0, logLevel: 'off' });
}
afterEach(() => server.close());

const tools = [{ type: 'function' as const, name: 'lookup', parameters: { type: 'object' }, strict: false }];
const ask = { model: 'gpt-test', input: 'Hello', tools };
const askChat = { model: 'gpt-test', messages: [{ role: 'user' as const, content: 'Hello' }] };
const plain = (signal?: AbortSignal) => client.responses.create(ask, { signal: signal ?? null });
const streamed = () => client.responses.stream(ask).finalResponse();
const chatStreamed = () => client.chat.completions.stream(askChat).finalChatCompletion();

/** The events a raw stream got to before it broke, and what it broke with. */
async function brokenStream(): Promise<{ events: number; error: unknown }> {
  let events = 0;
  try {
    for await (const _ of await client.responses.create({ ...ask, stream: true })) events += 1;
  } catch (error) {
    return { events, error };
  }
  return { events, error: undefined };
}

test('a status has the real error shape, its headers, and strikes the requests it names', async () => {
  await start([{ when: { nth: 2, times: 2 }, do: { status: 429, retryAfter: 7, headers: { 'x-extra': 'yes' } } }]);
  expect((await plain()).output_text).toBe(TEXT);
  for (const ask of [plain, streamed]) {
    const error = await ask().catch((caught: unknown) => caught);
    if (!(error instanceof APIError)) throw new Error('the client saw an API error');
    expect(error).toMatchObject({ status: 429, code: 'rate_limit_exceeded', type: 'requests' });
    const headers: unknown = error.headers;
    if (!(headers instanceof Headers)) throw new Error('the error carries the headers');
    expect(headers.get('retry-after')).toBe('7');
    expect(headers.get('x-extra')).toBe('yes');
    expect(error.requestID).toMatch(/^req_/);
  }
  expect((await plain()).output_text).toBe(TEXT);
  expect(server.counts()).toMatchObject({ requests: 4, answered: 2, refused: 2, faulted: 2, repeated: 1 });
});

test('a status can carry any body', async () => {
  await start([
    { when: { nth: 1 }, do: { status: 500, body: { error: { message: 'boom', code: 'x' } } } },
    { when: { nth: 2 }, do: { status: 503, body: '<html>', headers: { 'content-type': 'text/html' } } },
  ]);
  await expect(plain()).rejects.toMatchObject({ status: 500, code: 'x', message: '500 boom' });
  await expect(plain()).rejects.toMatchObject({ status: 503, error: undefined });
});

test('conditions: path, text of the body, and a function of the request', async () => {
  await start([
    { when: { path: '/chat/completions' }, do: { status: 500 } },
    { when: { bodyIncludes: 'poison' }, do: { status: 400 } },
    { when: { match: (request) => request.stream }, do: { status: 503 } },
    { when: { path: '/models' }, do: { status: 403 } },
  ]);
  expect((await plain()).status).toBe('completed');
  await expect(chatStreamed()).rejects.toMatchObject({ status: 503 });
  await expect(client.chat.completions.create(askChat)).rejects.toMatchObject({ status: 500 });
  await expect(client.responses.create({ ...ask, input: 'poison' })).rejects.toMatchObject({ status: 400 });
  await expect(streamed()).rejects.toMatchObject({ status: 503 });
  await expect(client.models.list()).rejects.toMatchObject({ status: 403 });
});

test('a hang ends when the client leaves, and the server saw when', async () => {
  await start([{ do: { hang: true } }]);
  const gone = new AbortController();
  const asked = plain(gone.signal).catch((error: unknown) => error);
  await server.until((counts) => counts.open === 1);
  const before = Date.now();
  gone.abort();
  expect(await asked).toBeInstanceOf(OpenAI.APIUserAbortError);
  const counts = await server.until((now) => now.closedByClient === 1);
  expect(counts).toMatchObject({ answered: 0, open: 0, tokens: { input: 0, output: 0 } });
  expect(server.requests()[0]?.closedByClientAt).toBeGreaterThanOrEqual(before);
});

test('a client that leaves in the middle of a stream is seen, and its tokens count', async () => {
  await start([{ do: { hangAfterChunks: 4 } }]);
  let events = 0;
  const stream = await client.responses.create({ ...ask, stream: true });
  for await (const _ of stream) if ((events += 1) === 4) break;
  const counts = await server.until((now) => now.closedByClient === 1);
  expect(counts.tokens.output).toBeGreaterThan(0);
  expect(server.requests()[0]).toMatchObject({ outcome: 'closed-by-client', status: 200, stream: true });
});

test('a hold keeps requests until it is released', async () => {
  await start([{ when: { times: 2 }, do: { hold: 'here' } }]);
  const both = Promise.all([plain(), streamed()]);
  await server.until((counts) => counts.open === 2);
  expect(server.release('elsewhere')).toBe(0);
  expect(server.release('here')).toBe(2);
  expect((await both).map((response) => response.output_text)).toEqual([TEXT, TEXT]);
});

test('delays are served, and a client may leave during one', async () => {
  await start([{ do: { delayMs: 5 } }], { delayMs: 5 });
  expect((await plain()).output_text).toBe(TEXT);
  server.addFaults({ do: { delayMs: 3_600_000 } });
  const gone = new AbortController();
  const asked = plain(gone.signal).catch((error: unknown) => error);
  await server.until((counts) => counts.open === 1);
  gone.abort();
  await asked;
  await server.until((counts) => counts.closedByClient === 1);
});

test('a dropped connection is a connection error', async () => {
  await start([{ do: { dropConnection: true } }]);
  await expect(plain()).rejects.toBeInstanceOf(APIConnectionError);
  expect(server.counts()).toMatchObject({ cut: 1, closedByClient: 0 });
});

test.each([0, 1, 5, 1000])('a stream cut after %d events delivers these and breaks', async (chunks) => {
  await start([{ do: { cutStreamAfterChunks: chunks } }]);
  const { events, error } = await brokenStream();
  // By name: errors of the platform come from outside jest's realm.
  expect(error).toMatchObject({ name: 'TypeError', message: 'terminated' });
  if (chunks < 1000) expect(events).toBe(chunks);
  expect((await server.until((counts) => counts.open === 0)).cut).toBe(1);
});

test('without streaming, a cut breaks the body', async () => {
  await start([{ do: { cutStreamAfterChunks: 1 } }]);
  await expect(plain()).rejects.toThrow();
  await expect(client.chat.completions.create(askChat)).rejects.toThrow();
  expect((await server.until((counts) => counts.open === 0)).cut).toBe(2);
});

test('a provider that fails in the middle says so in its own event', async () => {
  await start([{ do: { failStreamAfterChunks: 5 } }]);
  const events = [];
  for await (const event of await client.responses.create({ ...ask, stream: true })) events.push(event);
  expect(events).toHaveLength(6);
  expect(events.at(-1)).toMatchObject({
    type: 'response.failed',
    sequence_number: 5,
    response: { status: 'failed', error: { code: 'server_error' } },
  });
  await expect(chatStreamed()).rejects.toMatchObject({ type: 'server_error' });
  await expect(plain()).rejects.toMatchObject({ status: 500 });
});

test('malformed JSON breaks the parser, streamed or not', async () => {
  await start([{ do: { malformedJson: true } }]);
  await expect(plain()).rejects.toMatchObject({ name: 'SyntaxError' });
  expect((await brokenStream()).error).toMatchObject({ name: 'SyntaxError' });
  await expect(chatStreamed()).rejects.toThrow(/JSON/);
});

test('a malformed stream ends without its last event', async () => {
  await start([{ do: { malformedSse: true } }]);
  const events = [];
  for await (const event of await client.responses.create({ ...ask, stream: true })) events.push(event.type);
  expect(events).toContain('response.created');
  expect(events).not.toContain('response.completed');
  await expect(chatStreamed()).rejects.toThrow();
  // The package itself falls over text where it expects an object: what a caller has to survive.
  await expect(plain()).rejects.toThrow(/502 Bad Gateway/);
});

test('the model can be made to say something else', async () => {
  await start(
    [
      { when: { nth: 1 }, do: { emptyAnswer: true } },
      { when: { nth: 2 }, do: { wrongTool: 'no_such_tool' } },
      { when: { nth: 3 }, do: { unparseableArguments: true } },
      { when: { nth: 4 }, do: { unparseableArguments: true } },
    ],
    {
      order: 'arrival',
      script: script().answer('A').answer('B').answer('C').call('refund', { amount: 1 }).answer('E'),
    },
  );
  expect(await plain()).toMatchObject({ output: [], status: 'completed' });
  expect((await plain()).output).toMatchObject([{ type: 'function_call', name: 'no_such_tool', arguments: '{}' }]);
  for (const name of ['lookup', 'refund']) {
    const [call] = (await plain()).output;
    if (call?.type !== 'function_call') throw new Error('the answer is a call');
    expect(call.name).toBe(name);
    expect(() => JSON.parse(call.arguments) as unknown).toThrow(SyntaxError);
  }
  expect((await plain()).output_text).toBe('E');
});

test('a slow stream arrives whole', async () => {
  await start([{ do: { slowStreamMsPerChunk: 1 } }]);
  expect((await streamed()).output_text).toBe(TEXT);
});

test('raw turns are sent as they are', async () => {
  const events = 'event: response.created\ndata: {"type":"response.created","response":{"id":"r","output":[]}}\n\n';
  await start([], {
    order: 'arrival',
    script: script()
      .raw({ body: { id: 'x', output: 'not a list' } })
      .raw({ status: 529, headers: { 'retry-after': '1' }, body: { error: { message: 'odd' } } })
      .raw({ body: events }),
  });
  expect(await (await client.responses.create(ask).asResponse()).json()).toEqual({ id: 'x', output: 'not a list' });
  await expect(plain()).rejects.toMatchObject({ status: 529, message: '529 odd' });
  expect((await brokenStream()).events).toBe(1);
});

test('closing the server ends what hangs, and frees the port', async () => {
  await start([{ do: { hang: true } }]);
  const asked = plain().catch((error: unknown) => error);
  await server.until((counts) => counts.open === 1);
  await server.close();
  expect(await asked).toBeInstanceOf(APIConnectionError);
  expect(server.requests()[0]?.outcome).toBe('cut');
  const again = await startModelServer({ port: server.port });
  expect(again.port).toBe(server.port);
  await expect(startModelServer({ port: server.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await again.close();
});
