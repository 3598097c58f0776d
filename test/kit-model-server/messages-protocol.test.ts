// Needs: nothing but loopback. The vendor's own client reads what the model server says over the Messages API.
import { inspect } from 'node:util';
import Anthropic, { APIError } from '@anthropic-ai/sdk';
import { startModelServer, type ModelServer, type ModelServerOptions } from '../kit/model-server/model-server';
import { script } from '../kit/script';

let server: ModelServer;
afterEach(() => server.close());

async function client(options: ModelServerOptions): Promise<Anthropic> {
  server = await startModelServer(options);
  return new Anthropic({ apiKey: 'sk-ant-of-the-test', baseURL: server.controlUrl, maxRetries: 0 });
}

const ASK = { model: 'claude-sonnet-5', max_tokens: 8_000, messages: [{ role: 'user' as const, content: 'Weather?' }] };
const TOOLS = [{ name: 'weather', input_schema: { type: 'object' as const } }];
const SAYS = script()
  .reasoning('The user wants the weather of some city', { tokens: 32 })
  .calls(
    [
      { name: 'weather', args: { city: 'Lisbon' } },
      { name: 'weather', args: {} },
    ],
    { text: 'Let me look.', usage: { input: 900, cached: 500, cacheWrite: 100, output: 60 } },
  )
  .answer('25 and sunny');

test('a stream adds up to the message that comes without streaming', async () => {
  const anthropic = await client({ script: SAYS });
  const params = { ...ASK, tools: TOOLS, thinking: { type: 'adaptive' as const } };
  const events: string[] = [];
  const stream = anthropic.messages.stream(params).on('streamEvent', ({ type }) => void events.push(type));
  const streamed = await stream.finalMessage();
  const whole = await anthropic.messages.create(params);
  expect(streamed.content.map(({ type }) => type)).toEqual(['thinking', 'text', 'tool_use', 'tool_use']);
  const named = (content: typeof whole.content) =>
    content.map((block) => (block.type === 'tool_use' ? { ...block, id: '' } : block));
  expect(named(streamed.content)).toEqual(named(whole.content));
  expect(streamed).toMatchObject({ stop_reason: 'tool_use', model: 'claude-sonnet-5' });
  expect(streamed.usage).toMatchObject({
    input_tokens: 300,
    cache_read_input_tokens: 500,
    cache_creation_input_tokens: 100,
    output_tokens: 60,
  });
  expect(whole.usage).toMatchObject({ input_tokens: 300, output_tokens: 60 });
  expect(events[0]).toBe('message_start');
  expect(events.at(-1)).toBe('message_stop');
  const results = streamed.content.flatMap((block) =>
    block.type === 'tool_use' ? [{ type: 'tool_result' as const, tool_use_id: block.id, content: '25' }] : [],
  );
  const messages = [
    ...ASK.messages,
    { role: 'assistant' as const, content: streamed.content },
    { role: 'user' as const, content: results },
  ];
  const next = await anthropic.messages.create({ ...params, messages });
  expect(next.content).toMatchObject([{ type: 'text', text: '25 and sunny' }]);
});

test.each([
  ['truncated', script().truncated('It was'), 'max_tokens'],
  ['refused', script().refuse('No.'), 'refusal'],
  ['filtered', script().filtered('It'), 'refusal'],
  ['plain', script().answer('ok'), 'end_turn'],
])('an answer that is %s', async (_what, says, reason) => {
  const anthropic = await client({ script: says });
  expect((await anthropic.messages.create(ASK)).stop_reason).toBe(reason);
  expect((await anthropic.messages.stream(ASK).finalMessage()).stop_reason).toBe(reason);
});

const failed = (asked: Promise<unknown>): Promise<unknown> => asked.catch((error: unknown) => error);

test.each([
  [
    'a result is missing',
    {
      messages: [
        ...ASK.messages,
        { role: 'assistant' as const, content: [{ type: 'tool_use' as const, id: 't1', name: 'weather', input: {} }] },
      ],
    },
    'tool_use',
  ],
  ['thinking has no place', { thinking: { type: 'enabled' as const, budget_tokens: 9_000 } }, 'max_tokens'],
  [
    'a text is empty',
    { messages: [{ role: 'user' as const, content: [{ type: 'text' as const, text: ' ' }] }] },
    'non-whitespace',
  ],
])('where %s, the real refusal', async (_what, more, words) => {
  const anthropic = await client({ script: script().answer('ok') });
  const error = await failed(anthropic.messages.create({ ...ASK, ...more }));
  expect(error).toBeInstanceOf(APIError);
  expect(error).toMatchObject({ status: 400, type: 'invalid_request_error' });
  expect(String(error)).toContain(words);
});

test.each([
  [401, 'authentication_error'],
  [429, 'rate_limit_error'],
  [500, 'api_error'],
  [529, 'overloaded_error'],
])('status %d in the form of the API', async (status, type) => {
  const anthropic = await client({ faults: [{ do: { status } }] });
  const error = await failed(anthropic.messages.create(ASK));
  expect(error).toMatchObject({ status, type });
  expect((error as APIError).requestID).toBe(server.requests()[0]?.requestId);
});

test('an error in the middle of a stream', async () => {
  const anthropic = await client({
    script: script().answer('One two'),
    faults: [{ do: { failStreamAfterChunks: 3 } }],
  });
  expect(await failed(anthropic.messages.stream(ASK).finalMessage())).toBeInstanceOf(APIError);
});

describe.each(['authorization', 'x-api-key'])('in the header %s', (header) => {
  test.each([
    ['a wrong key', 'sk-ant-of-a-stranger', 401],
    ['the right one', 'sk-ant-of-the-server', undefined],
  ])('%s is neither in what is recorded of the request nor in the answer', async (_what, apiKey, status) => {
    server = await startModelServer({ apiKey: 'sk-ant-of-the-server', script: script().answer('ok') });
    const defaultHeaders = header === 'x-api-key' ? { authorization: null, 'x-api-key': apiKey } : {};
    const anthropic = new Anthropic({ apiKey, baseURL: server.controlUrl, maxRetries: 0, defaultHeaders });
    const answer = await failed(anthropic.messages.create(ASK));
    if (status === undefined) expect(answer).toMatchObject({ content: [{ text: 'ok' }] });
    else expect(answer).toMatchObject({ status, type: 'authentication_error' });
    const [request] = server.requests();
    expect(request?.headers[header]).toBe('[redacted]');
    const told = {
      answer: inspect(answer, { depth: 8 }),
      recorded: inspect({ ...request, body: request?.body?.toString() }, { depth: 8 }),
      listed: await (await fetch(`${server.controlUrl}/__requests`)).text(),
    };
    expect(told.listed).toContain(`"${header}":"[redacted]"`);
    for (const text of Object.values(told)) expect(text).not.toMatch(/sk-ant-of-(a-stranger|the-server)/);
  });
});
