// Needs a Temporal server (embedded, real) and the model server. OpenAI's own JavaScript package as a client of agents.
import OpenAI, { APIError, BadRequestError, NotFoundError } from 'openai';
import type { ResponseStreamEvent } from 'openai/resources/responses/responses';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { until } from '../e2e/cli';
import { useStack } from '../stack/use-stack';
import { madeKey, startTestApi, type UsedApi } from './given';

jest.setTimeout(60_000);

const gate = { open: (): void => undefined, shut: Promise.resolve() };
const shut = (): void => {
  gate.shut = new Promise((resolve) => (gate.open = resolve));
};
const wait = defineTool({
  name: 'wait',
  description: 'Waits.',
  input: z.object({}),
  output: z.object({}),
  effect: 'read',
  timeout: '60s',
  run: async () => {
    await gate.shut;
    return {};
  },
});
const greeter = defineAgent({ name: 'greeter', instructions: 'Greet.' });
const waiter = defineAgent({ name: 'waiter', instructions: 'Wait.', tools: [wait], limits: { turns: 5 } });
const clerk = defineAgent({
  name: 'clerk',
  instructions: 'Count.',
  input: z.object({ order: z.string() }),
  output: z.object({ items: z.number() }),
});
const bounded = defineAgent({ name: 'bounded', instructions: 'Wait.', tools: [wait], limits: { turns: 1 } });

const on = useStack(
  {
    respond: ({ assistantTurns, messages, toolNames }) => {
      const heard = messages.filter(({ role }) => role === 'user').map(({ text }) => text);
      if (toolNames.includes('wait') && assistantTurns === 0)
        return { calls: [{ name: 'wait', args: {} }], text: 'I wait first.' };
      if (messages[0]?.text.startsWith('Count')) return { text: '{"items":3}' };
      return { text: `Hello: ${heard.join(' | ')}`, usage: { input: 20, output: 5 } };
    },
  },
  { agents: [greeter, waiter, clerk, bounded] },
);
let api: UsedApi;
let client: OpenAI;
beforeAll(async () => {
  api = await startTestApi(on.stack);
  client = new OpenAI({ baseURL: `${api.url}/v1`, apiKey: 'none is needed', maxRetries: 0 });
});
afterAll(() => api.close());
afterEach(() => {
  gate.open();
  expect(api.reported.splice(0)).toEqual([]);
});

async function eventsOf(stream: AsyncIterable<ResponseStreamEvent>): Promise<ResponseStreamEvent[]> {
  const events: ResponseStreamEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

test('plain: an answer with its usage; retrieved, it is the same; and it is a run', async () => {
  const made = await client.responses.create({
    model: 'greeter',
    input: 'you',
    metadata: { order: 'A-88' },
    user: 'u7',
  });
  expect(made).toMatchObject({
    ...{ object: 'response', status: 'completed', model: 'greeter', output_text: 'Hello: you', user: 'u7' },
    ...{ metadata: { order: 'A-88' }, previous_response_id: null, error: null },
    usage: { input_tokens: 20, output_tokens: 5, total_tokens: 25 },
  });
  expect(await client.responses.retrieve(made.id)).toMatchObject({ id: made.id, output_text: 'Hello: you' });
  expect((await api.ask('GET', `/v1/runs/${made.id}`)).body).toMatchObject({
    status: 'completed',
    tags: ['order=A-88'],
  });
});

test('a list of messages, and JSON for an agent that takes it', async () => {
  const listed = await client.responses.create({
    model: 'greeter',
    input: [{ role: 'user', content: [{ type: 'input_text', text: 'from a list' }] }],
  });
  expect(listed.output_text).toBe('Hello: from a list');
  const counted = await client.responses.create({ model: 'clerk', input: '{"order":"A-88"}' });
  expect(JSON.parse(counted.output_text)).toEqual({ items: 3 });
});

test('the conversation of a previous response goes on, and leaves that one as it was', async () => {
  const first = await client.responses.create({ model: 'greeter', input: 'one' });
  const second = await client.responses.create({ model: 'greeter', input: 'two', previous_response_id: first.id });
  expect(second).toMatchObject({ output_text: 'Hello: one | two', previous_response_id: first.id });
  const third = await client.responses.create({ model: 'greeter', input: 'three', previous_response_id: second.id });
  expect(third.output_text).toBe('Hello: one | two | three');
  const other = await client.responses.create({ model: 'greeter', input: 'else', previous_response_id: first.id });
  expect(other.output_text).toBe('Hello: one | else');
});

test('streamed: the deltas are the text, each event has its number, and the last has the response', async () => {
  const events = await eventsOf(await client.responses.create({ model: 'greeter', input: 'you', stream: true }));
  expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, nth) => nth));
  expect(events.slice(0, 2).map(({ type }) => type)).toEqual(['response.created', 'response.in_progress']);
  const deltas = events.flatMap((event) => (event.type === 'response.output_text.delta' ? [event.delta] : []));
  expect(deltas.join('')).toBe('Hello: you');
  const last = events.at(-1);
  expect(last).toMatchObject({ type: 'response.completed', response: { status: 'completed' } });
});

test('what the model says before it calls a tool is a message of its own', async () => {
  const stream = client.responses.stream({ model: 'waiter', input: 'go' });
  const made = await stream.finalResponse();
  const texts = made.output.flatMap((item) =>
    item.type === 'message' ? item.content.map((part) => (part.type === 'output_text' ? part.text : '')) : [],
  );
  expect(texts.at(-1)).toBe('Hello: go');
  expect(['I wait first.', 'Hello: go']).toEqual(expect.arrayContaining(texts));
});

test('in the background: it is there at once, is retrieved while it goes, and goes on', async () => {
  shut();
  const begun = await client.responses.create({ model: 'waiter', input: 'go', background: true });
  expect(begun).toMatchObject({ status: 'in_progress', background: true, output: [] });
  expect((await client.responses.retrieve(begun.id)).status).toBe('in_progress');
  await expect(
    client.responses.create({ model: 'waiter', input: 'more', previous_response_id: begun.id }),
  ).rejects.toMatchObject({ status: 409, param: 'previous_response_id' });
  gate.open();
  await until('the end', async () => (await client.responses.retrieve(begun.id)).status === 'completed');
  expect((await client.responses.retrieve(begun.id)).output_text).toBe('Hello: go');
});

test('cancelled while it goes; and a second time it is what it is', async () => {
  shut();
  const begun = await client.responses.create({ model: 'waiter', input: 'go', background: true });
  expect((await client.responses.cancel(begun.id)).status).toBe('cancelled');
  expect((await client.responses.cancel(begun.id)).status).toBe('cancelled');
  expect((await client.responses.retrieve(begun.id)).status).toBe('cancelled');
});

test('a run that has used its limits up is incomplete', async () => {
  const made = await client.responses.create({ model: 'bounded', input: 'go' });
  expect(made).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
});

test('a caller who leaves in the middle ends nothing', async () => {
  shut();
  const stream = await client.responses.create({ model: 'waiter', input: 'go', stream: true });
  let id = '';
  for await (const event of stream) {
    if (event.type === 'response.created') id = event.response.id;
    if (id !== '') break;
  }
  gate.open();
  await until('its end', async () => (await client.responses.retrieve(id)).status === 'completed');
});

test('the same Idempotency-Key is the same response', async () => {
  const headers = { 'idempotency-key': '"once"' };
  const [one, other] = await Promise.all(
    [1, 2].map(() => client.responses.create({ model: 'greeter', input: 'once' }, { headers })),
  );
  expect(one?.id).toBe(other?.id);
});

describe('what does not fit is refused in the words of that API', () => {
  const refused = (body: object): Promise<unknown> =>
    client.responses.create({ model: 'greeter', input: 'x', ...body }).then(
      () => 'taken',
      (error: unknown) => error,
    );
  test.each<[string, object, string | null, RegExp]>([
    ['instructions', { instructions: 'Be rude.' }, 'instructions', /there is no such member/],
    ['a temperature', { temperature: 2 }, 'temperature', /there is no such member/],
    ['tools', { tools: [{ type: 'web_search' }] }, 'tools', /its own tools/],
    ['no store', { store: false }, 'store', /every response is kept/],
    ['what the model said', { input: [{ role: 'assistant', content: 'x' }] }, 'input.0.role', /previous_response_id/],
    ['an image', { input: [{ role: 'user', content: [{ type: 'input_image' }] }] }, 'input.0.content.0.type', /text/],
    ['no text and no list', { input: 5 }, 'input', /text, or a list of messages/],
    ['no input', { input: '' }, 'input', /it is empty/],
    ['text for JSON', { model: 'clerk' }, 'input', /no JSON/],
    ['too much metadata', { metadata: { a: 'x'.repeat(100) } }, 'metadata', /at most 16 pairs/],
  ])('%s', async (_, body, param, said) => {
    const error = await refused(body);
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ status: 422, param, type: 'invalid_request_error' });
    expect(String(error)).toMatch(said);
  });

  test('an unknown agent, response and body', async () => {
    expect(await refused({ model: 'nobody' })).toBeInstanceOf(NotFoundError);
    await expect(client.responses.retrieve('resp_none')).rejects.toBeInstanceOf(NotFoundError);
    expect(await refused({ previous_response_id: 'resp_none' })).toBeInstanceOf(NotFoundError);
    const told = await api.ask('POST', '/v1/responses', { body: '{' });
    expect(told).toMatchObject({ status: 400, body: { error: { type: 'invalid_request_error' } } });
    expect(BadRequestError).toBeDefined();
  });

  test('what of that API is not here says what is', async () => {
    await expect(client.models.list()).rejects.toThrow('POST /v1/responses alone');
    const messages = [{ role: 'user' as const, content: 'x' }];
    await expect(client.chat.completions.create({ model: 'greeter', messages })).rejects.toThrow('/v1/responses alone');
    await expect(client.responses.inputItems.list('resp_none')).rejects.toThrow('retrieve and cancel');
  });
});

test('keys: their scopes and agents hold here too', async () => {
  const reads = madeKey('reads', { scopes: ['read'] });
  const starts = madeKey('starts', { scopes: ['start', 'read'], agents: ['greeter'] });
  const guarded = await startTestApi(on.stack, [reads.known, starts.known]);
  try {
    const as = (apiKey: string): OpenAI => new OpenAI({ baseURL: `${guarded.url}/v1`, apiKey, maxRetries: 0 });
    await expect(as('wrong').responses.create({ model: 'greeter', input: 'x' })).rejects.toMatchObject({ status: 401 });
    await expect(as(reads.key).responses.create({ model: 'greeter', input: 'x' })).rejects.toMatchObject({
      status: 403,
    });
    await expect(as(starts.key).responses.create({ model: 'clerk', input: '{}' })).rejects.toMatchObject({
      status: 404,
    });
    const made = await as(starts.key).responses.create({ model: 'greeter', input: 'x' });
    expect((await as(reads.key).responses.retrieve(made.id)).output_text).toBe('Hello: x');
    const others = await client.responses.create({ model: 'clerk', input: '{"order":"A-88"}' });
    await expect(as(starts.key).responses.retrieve(others.id)).rejects.toMatchObject({ status: 404 });
    await expect(as(starts.key).responses.cancel(made.id)).rejects.toMatchObject({ status: 403 });
  } finally {
    await guarded.close();
  }
});

test('where there is no room for another stream nothing is begun: clients try again by themselves', async () => {
  shut();
  const stream = (input: string, key?: string) =>
    fetch(`${api.url}/v1/responses`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key ? { 'idempotency-key': key } : {}) },
      body: JSON.stringify({ model: 'waiter', input, stream: true, user: 'crowd' }),
    });
  const readers = await Promise.all(Array.from({ length: 100 }, () => stream('one', 'crowd')));
  expect(new Set(readers.map(({ status }) => status))).toEqual(new Set([200]));
  expect((await stream('another')).status).toBe(503);
  const { body } = await api.ask('GET', '/v1/runs?user=crowd');
  expect(body['runs']).toHaveLength(1);
  gate.open();
  const told = await Promise.all(readers.map((response) => response.text()));
  expect(told.filter((text) => !text.includes('event: response.completed'))).toEqual([]);
});
