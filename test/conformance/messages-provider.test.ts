// Needs: nothing but loopback. What is the Messages API's own: signed thinking, marks of the prompt cache, tokens that are written into it.
import type { JsonValue, Message } from '../../workflows/contract/message';
import { createMessagesProvider } from '../../activities/model/messages-provider';
import type { ModelRequest } from '../../activities/model/provider';
import { startModelServer, type ModelServer } from '../kit/model-server/model-server';
import { script, type Script } from '../kit/script';

const SCHEMA = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const TOOL = { name: 'weather', description: 'The weather of a city', input: SCHEMA };
const said = (text: string): Message => ({ role: 'user', parts: [{ type: 'text', text }] });
const result = (text: string, outcome: 'ok' | 'error' = 'ok'): Message => ({
  role: 'tool',
  call: 0,
  name: 'weather',
  outcome,
  parts: [{ type: 'text', text }],
});
const request = (more: Partial<ModelRequest> = {}): ModelRequest => ({
  model: 'claude-sonnet-5',
  instructions: 'Be brief.',
  messages: [said('What is the weather?')],
  tools: [TOOL],
  parameters: {},
  rawItems: new Map(),
  loadFile: () => Promise.reject(new Error('No file')),
  ...more,
});

interface Body {
  max_tokens: number;
  thinking?: JsonValue;
  output_config?: JsonValue;
  tools?: { cache_control?: JsonValue }[];
  system?: { text: string; cache_control?: JsonValue }[];
  messages: { role: string; content: { [key: string]: JsonValue }[] }[];
}

let server: ModelServer;
afterEach(() => server.close());

async function asked(says: Script, more: Partial<ModelRequest> = {}) {
  server = await startModelServer({ script: says });
  return again(more);
}

const again = (more: Partial<ModelRequest> = {}) =>
  createMessagesProvider({ name: 'anthropic', baseUrl: server.controlUrl }).generate(request(more), {
    signal: new AbortController().signal,
  });

const sent = (): Body => JSON.parse(server.requests().at(-1)?.body?.toString('utf8') ?? 'null') as Body;

test.each([
  ['thinking', {}, [{ type: 'reasoning', text: 'The user wants 🌍 weather, in some city or other' }]],
  ['redacted thinking', { redacted: true as const, encrypted: 'b3BhcXVl' }, []],
])('%s goes back by the byte: the server would refuse another signature', async (_what, more, parts) => {
  const answer = await asked(
    script()
      .reasoning('The user wants 🌍 weather, in some city or other', { tokens: 32, ...more })
      .call('weather', { city: 'Lisbon' }, { text: 'Looking.' })
      .answer('25'),
    { parameters: { reasoningEffort: 'medium' } },
  );
  expect(answer.message.parts).toEqual([
    ...parts,
    { type: 'text', text: 'Looking.' },
    { type: 'tool-call', call: 0, name: 'weather', arguments: { city: 'Lisbon' } },
  ]);
  expect(answer.usage.reasoning).toBe(32);
  const messages = [said('What is the weather?'), answer.message, result('25')];
  const second = await again({ messages, rawItems: new Map([[1, answer.raw]]) });
  expect(second.finish).toBe('stop');
  expect(sent().messages[1]?.content).toEqual(answer.raw);
});

test('thinking that was changed on its way is refused, and told as a request of ours', async () => {
  const answer = await asked(script().reasoning('Hm').call('weather').answer('25'), {
    parameters: { reasoningEffort: 'low' },
  });
  const raw = JSON.parse(JSON.stringify(answer.raw).replace('"Hm"', '"Hm!"')) as JsonValue;
  const messages = [said('What is the weather?'), answer.message, result('25')];
  await expect(again({ messages, rawItems: new Map([[1, raw]]) })).rejects.toMatchObject({ type: 'Model.BadRequest' });
});

test('an answer of another provider goes as its words alone, and without budgeted thinking in the middle of a turn', async () => {
  const model = 'claude-haiku-4-5';
  const messages: Message[] = [
    said('What is the weather?'),
    {
      role: 'assistant',
      parts: [
        { type: 'reasoning', text: 'Elsewhere' },
        { type: 'tool-call', call: 0, name: 'weather', arguments: { city: 'Oslo' } },
      ],
    },
    result('-3', 'error'),
  ];
  await asked(script().call('weather').answer('Cold').answer('Yes'), {
    model,
    messages,
    parameters: { reasoningEffort: 'high' },
  });
  expect(sent().messages[1]?.content).toEqual([
    { type: 'tool_use', id: 'call_1_0', name: 'weather', input: { city: 'Oslo' } },
  ]);
  expect(sent().messages[2]?.content[0]).toMatchObject({ type: 'tool_result', is_error: true });
  expect(sent()).not.toHaveProperty('thinking');
  const after: Message[] = [...messages, { role: 'assistant', parts: [{ type: 'text', text: 'Cold' }] }, said('Sure?')];
  await again({ model, messages: after, parameters: { reasoningEffort: 'high' } });
  expect(sent().thinking).toEqual({ type: 'enabled', budget_tokens: 20_000 });
});

test('what stays the same is marked for the cache: instructions, and the last two messages of the user', async () => {
  const answer = await asked(script().call('weather', { city: 'Lisbon' }).call('weather').answer('25'));
  const messages = [said('What is the weather?'), answer.message, result('25')];
  await again({ messages });
  const marks = (body: Body) => [
    body.system?.map((block) => 'cache_control' in block),
    body.messages.map(({ content }) => content.map((block) => 'cache_control' in block)),
  ];
  expect(marks(sent())).toEqual([[true], [[true], [false], [true]]]);
  await again({ messages, instructions: '', parameters: { cache_control: { ttl: '1h' } } });
  expect(sent().tools?.at(-1)?.cache_control).toEqual({ type: 'ephemeral', ttl: '1h' });
  await again({ messages, parameters: { cache_control: null } });
  expect(JSON.stringify(sent())).not.toContain('cache_control');
});

test('tokens read from the cache and written into it are part of the input', async () => {
  const usage = { input: 5_000, cached: 3_000, cacheWrite: 1_500, output: 40 };
  const answer = await asked(script().answer('ok', { usage }));
  expect(answer.usage).toEqual({ input: 5_000, cachedInput: 3_000, cacheWrite: 1_500, output: 40, reasoning: 0 });
  server.setScript(script().answer('ok', { usage: { ...usage, cacheWriteHour: 900 } }));
  expect((await again()).usage).toMatchObject({ cacheWrite: 1_500, cacheWriteHour: 900 });
});

test.each([
  ['claude-sonnet-5', 32_000],
  ['claude-3-5-haiku-latest', 8_192],
  ['some-other-model', 8_192],
])('%s may write %d tokens where nothing is said', async (model, most) => {
  await asked(script().answer('ok'), { model });
  expect(sent().max_tokens).toBe(most);
});

test('a schema beyond what the API knows is narrowed to it, or said in words', async () => {
  const narrow = { ...SCHEMA, properties: { city: { type: 'string', minLength: 2 } } };
  await asked(script().answer({ city: 'Lisbon' }), { output: { name: 'place', schema: narrow } });
  expect(sent().output_config).toEqual({
    format: {
      type: 'json_schema',
      schema: {
        ...SCHEMA,
        properties: { city: { type: 'string', description: '{minLength: 2}' } },
        additionalProperties: false,
      },
    },
  });
  const open = { type: 'object', additionalProperties: { type: 'number' } };
  await again({ output: { name: 'open', schema: open } });
  expect(sent()).not.toHaveProperty('output_config');
  expect(sent().system?.[0]?.text).toContain(JSON.stringify(open));
});

test('messages without a word are not sent as such', async () => {
  const messages: Message[] = [said('  '), { role: 'assistant', parts: [] }, said('Well?')];
  await asked(script().empty().answer('ok'), { messages });
  expect(sent().messages.map(({ role, content }) => [role, content[0]?.text])).toEqual([
    ['user', '(empty)'],
    ['user', 'Well?'],
  ]);
});
