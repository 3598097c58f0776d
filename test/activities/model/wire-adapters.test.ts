// Needs: nothing. What the conformance suite's server cannot show: the exact bodies, and streams of servers that are not OpenAI's.
import type { JsonValue, Message } from '../../../workflows/contract/message';
import { chatAdapter } from '../../../activities/model/chat-adapter';
import type { ModelRequest } from '../../../activities/model/provider';
import { responsesAdapter } from '../../../activities/model/responses-adapter';
import { isStrictSchema } from '../../../activities/model/strict-schema';
import type { ParsedAnswer, WireAdapter } from '../../../activities/model/wire-adapter';

const CLOSED = { type: 'object', properties: { q: { type: 'string' } }, required: ['q'], additionalProperties: false };
const OPEN = { type: 'object', properties: { q: { type: 'string' } } };
const file = (name: string) => ({ sha256: 'f'.repeat(64), mediaType: 'image/png', bytes: 3, name });
const CONVERSATION: Message[] = [
  { role: 'user', parts: [{ type: 'text', text: 'Compare them' }] },
  {
    role: 'assistant',
    parts: [
      { type: 'reasoning', text: 'Two calls' },
      { type: 'text', text: 'Looking' },
      { type: 'tool-call', call: 0, name: 'look', arguments: { q: 'a' } },
      { type: 'tool-call', call: 1, name: 'look', arguments: { unparsed: '{"q":' }, malformed: true },
    ],
  },
  {
    role: 'tool',
    call: 0,
    name: 'look',
    outcome: 'ok',
    parts: [
      { type: 'text', text: 'a photo' },
      { type: 'image', file: file('a.png') },
    ],
  },
  { role: 'tool', call: 1, name: 'look', outcome: 'error', parts: [{ type: 'text', text: 'Not JSON' }] },
  {
    role: 'user',
    from: 'runtime',
    parts: [
      { type: 'text', text: 'Go on' },
      { type: 'file', file: file('b.pdf') },
    ],
  },
];

function request(more: Partial<ModelRequest> = {}): ModelRequest {
  return {
    model: 'm',
    instructions: 'Be brief.',
    messages: CONVERSATION,
    tools: [
      { name: 'look', description: 'Looks', input: CLOSED },
      { name: 'open', description: 'Opens', input: OPEN },
    ],
    parameters: {},
    rawItems: new Map(),
    loadFile: () => Promise.reject(new Error('loaded before')),
    ...more,
  };
}
const body = (adapter: WireAdapter, more: Partial<ModelRequest> = {}) =>
  adapter.body(request(more), ({ name }) => `data:${name}`);

function read(adapter: WireAdapter, events: unknown[]): ParsedAnswer | undefined {
  const reader = adapter.reader(request());
  for (const event of events) reader.read(event);
  return reader.answer();
}

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('Nothing was thrown');
}

describe('responses', () => {
  test('a conversation that another provider began', () => {
    expect(body(responsesAdapter)).toEqual({
      store: false,
      model: 'm',
      instructions: 'Be brief.',
      tools: [
        { type: 'function', name: 'look', description: 'Looks', parameters: CLOSED, strict: true },
        { type: 'function', name: 'open', description: 'Opens', parameters: OPEN, strict: false },
      ],
      input: [
        { role: 'user', content: [{ type: 'input_text', text: 'Compare them' }] },
        { role: 'assistant', content: 'Looking' },
        { type: 'function_call', call_id: 'call_1_0', name: 'look', arguments: '{"q":"a"}' },
        { type: 'function_call', call_id: 'call_1_1', name: 'look', arguments: '{"q":' },
        {
          type: 'function_call_output',
          call_id: 'call_1_0',
          output: [
            { type: 'input_text', text: 'a photo' },
            { type: 'input_image', image_url: 'data:a.png', detail: 'auto' },
          ],
        },
        { type: 'function_call_output', call_id: 'call_1_1', output: 'Not JSON' },
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'Go on' },
            { type: 'input_file', filename: 'b.pdf', file_data: 'data:b.pdf' },
          ],
        },
      ],
      stream: true,
    });
  });

  const call = { type: 'function_call', id: 'fc_1', call_id: 'call_x', name: 'look', arguments: '{"q":"a"}' };
  const other = { type: 'function_call', id: 'fc_2', call_id: 'call_y', name: 'look', arguments: '{"q":' };
  const inputWith = (raw: JsonValue) =>
    body(responsesAdapter, { rawItems: new Map([[1, raw]]) }).input as { [key: string]: JsonValue }[];

  test('raw items go back verbatim, and the results name their calls', () => {
    const raw = [{ type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'e' }, call, other];
    const input = inputWith(raw);
    expect(input.slice(1, 4)).toEqual(raw);
    expect(input.slice(4, 6).map((item) => item.call_id)).toEqual(['call_x', 'call_y']);
  });

  test('open reasoning goes back as it is', () => {
    const raw = [{ type: 'reasoning', id: 'rs_1', content: [{ type: 'reasoning_text', text: 'Hm' }] }, call, other];
    expect(inputWith(raw).slice(1, 4)).toEqual(raw);
  });

  test('reasoning that nobody kept is left out, and nothing names it', () => {
    const input = inputWith([{ type: 'reasoning', id: 'rs_1', summary: [] }, call, other]);
    expect(JSON.stringify(input)).not.toMatch(/rs_1|fc_/);
    expect(input[1]).toEqual({ type: 'function_call', call_id: 'call_x', name: 'look', arguments: '{"q":"a"}' });
  });

  test.each([
    ['gpt-5-mini', {}, true],
    ['openai/o4-mini', {}, true],
    ['gpt-5-chat-latest', {}, false],
    ['gpt-4o', {}, false],
    ['llama-3.1', {}, false],
    ['llama-3.1', { reasoningEffort: 'low' }, true],
    ['gpt-oss', { reasoning: { summary: 'auto' } }, true],
  ])('encrypted reasoning of %s with %j is asked for: %s', (model, parameters: { [key: string]: JsonValue }, asked) => {
    expect(body(responsesAdapter, { model, parameters }).include).toEqual(
      asked ? ['reasoning.encrypted_content'] : undefined,
    );
  });

  test('items that came one by one stand in for an empty final list', () => {
    const item = { type: 'message', content: [{ type: 'output_text', text: 'Hi' }] };
    const answer = read(responsesAdapter, [
      { type: 'response.output_item.done', output_index: 0, item },
      { type: 'response.completed', response: { status: 'completed', output: [] } },
    ]);
    expect(answer).toMatchObject({ finish: 'stop', model: 'm', raw: [item], message: { parts: [{ text: 'Hi' }] } });
    expect(answer?.usage).toEqual({ input: 0, cachedInput: 0, output: 0, reasoning: 0 });
  });

  test('without its last event there is no answer', () => {
    const item = { type: 'message', content: [{ type: 'output_text', text: 'Hi' }] };
    expect(read(responsesAdapter, [{ type: 'response.output_item.done', output_index: 0, item }])).toBeUndefined();
  });

  test.each([
    [{ type: 'response.failed', response: { error: { code: 'rate_limit_exceeded', message: 'Slow down' } } }],
    [{ type: 'error', code: 'rate_limit_exceeded', message: 'Slow down' }],
  ])('an error event is thrown for the classifier: %j', (event) => {
    expect(thrownBy(() => read(responsesAdapter, [event]))).toMatchObject({
      code: 'rate_limit_exceeded',
      message: 'Slow down',
    });
  });
});

describe('chat', () => {
  test('a conversation that another provider began', () => {
    expect(body(chatAdapter)).toEqual({
      stream_options: { include_usage: true },
      model: 'm',
      tools: [
        { type: 'function', function: { name: 'look', description: 'Looks', parameters: CLOSED, strict: true } },
        { type: 'function', function: { name: 'open', description: 'Opens', parameters: OPEN } },
      ],
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Compare them' },
        {
          role: 'assistant',
          content: 'Looking',
          tool_calls: [
            { id: 'call_1_0', type: 'function', function: { name: 'look', arguments: '{"q":"a"}' } },
            { id: 'call_1_1', type: 'function', function: { name: 'look', arguments: '{"q":' } },
          ],
        },
        { role: 'tool', tool_call_id: 'call_1_0', content: 'a photo\n[image a.png, shown below]' },
        { role: 'tool', tool_call_id: 'call_1_1', content: 'Not JSON' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Returned by look, call 0:' },
            { type: 'image_url', image_url: { url: 'data:a.png' } },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Go on' },
            { type: 'file', file: { filename: 'b.pdf', file_data: 'data:b.pdf' } },
          ],
        },
      ],
      stream: true,
    });
  });

  test('what the provider wants back of its own message: ids, reasoning, signatures', () => {
    const raw = {
      role: 'assistant',
      content: 'Looking',
      reasoning_content: 'Two calls',
      channel: 'analysis',
      tool_calls: [{ id: 'AbC123xyz', extra_content: { google: { thought_signature: 's' } } }, { id: 'AbC124xyz' }],
    };
    const [, , assistant, first, second] = body(chatAdapter, { rawItems: new Map([[1, raw]]) }).messages as {
      [key: string]: JsonValue;
    }[];
    expect(assistant).toMatchObject({
      reasoning_content: 'Two calls',
      tool_calls: [{ id: 'AbC123xyz', extra_content: { google: { thought_signature: 's' } } }, { id: 'AbC124xyz' }],
    });
    expect(assistant).not.toHaveProperty('channel');
    expect([first?.tool_call_id, second?.tool_call_id]).toEqual(['AbC123xyz', 'AbC124xyz']);
  });

  const chunk = (delta: object, finish_reason: string | null = null, more: object = {}) => ({
    model: 'served',
    choices: [{ index: 0, delta, finish_reason }],
    ...more,
  });
  const callDelta = (index: number | undefined, id: string | undefined, name: string | undefined, args: string) => ({
    tool_calls: [
      {
        ...(index === undefined ? {} : { index }),
        ...(id ? { id } : {}),
        function: { ...(name ? { name } : {}), arguments: args },
      },
    ],
  });

  test.each([
    [
      'by index',
      [
        callDelta(0, 'a', 'look', '{"q":'),
        callDelta(0, undefined, undefined, '"1"}'),
        callDelta(1, 'b', 'look', '{"q":"2"}'),
      ],
    ],
    [
      'interleaved',
      [
        callDelta(0, 'a', 'look', '{"q":'),
        callDelta(1, 'b', 'look', '{"q":'),
        callDelta(0, undefined, undefined, '"1"}'),
        callDelta(1, undefined, undefined, '"2"}'),
      ],
    ],
    ['without index', [callDelta(undefined, 'a', 'look', '{"q":"1"}'), callDelta(undefined, 'b', 'look', '{"q":"2"}')]],
    ['all at index 0', [callDelta(0, 'a', 'look', '{"q":"1"}'), callDelta(0, 'b', 'look', '{"q":"2"}')]],
    [
      'an id for every piece',
      [
        callDelta(0, 'a', 'look', '{"q":'),
        callDelta(0, 'x', undefined, '"1"}'),
        callDelta(1, 'b', 'look', '{"q":"2"}'),
      ],
    ],
  ])('tool calls streamed %s', (_how, deltas) => {
    const answer = read(chatAdapter, [...deltas.map((delta) => chunk(delta)), chunk({}, 'stop')]);
    expect(answer?.finish).toBe('tool-calls');
    expect(answer?.message.parts).toEqual([
      { type: 'tool-call', call: 0, name: 'look', arguments: { q: '1' } },
      { type: 'tool-call', call: 1, name: 'look', arguments: { q: '2' } },
    ]);
  });

  test.each([
    ['', { arguments: {} }],
    ['[1]', { arguments: { unparsed: '[1]' }, malformed: true }],
    ['{"q": tru', { arguments: { unparsed: '{"q": tru' }, malformed: true }],
  ])('arguments %j', (text, expected) => {
    const answer = read(chatAdapter, [chunk(callDelta(0, 'a', 'look', text)), chunk({}, 'tool_calls')]);
    expect(answer?.message.parts[0]).toEqual({ type: 'tool-call', call: 0, name: 'look', ...expected });
  });

  test('reasoning, in the two fields that vendors use, is one part', () => {
    for (const field of ['reasoning_content', 'reasoning']) {
      const answer = read(chatAdapter, [
        chunk({ [field]: 'Let me ' }),
        chunk({ [field]: 'think' }),
        chunk({ content: 'Yes' }, 'stop'),
      ]);
      expect(answer?.message.parts).toEqual([
        { type: 'reasoning', text: 'Let me think' },
        { type: 'text', text: 'Yes' },
      ]);
      expect(answer?.raw).toEqual({ role: 'assistant', content: 'Yes', [field]: 'Let me think' });
    }
  });

  test('usage beside the answer, in the choice, or as DeepSeek counts it', () => {
    const usage = { prompt_tokens: 10, completion_tokens: 5, prompt_cache_hit_tokens: 4 };
    const inChoice = { model: 'm', choices: [{ index: 0, delta: {}, finish_reason: 'stop', usage }] };
    for (const events of [[chunk({ content: 'a' }, 'stop'), { choices: [], usage }], [inChoice]]) {
      expect(read(chatAdapter, events)?.usage).toEqual({ input: 10, cachedInput: 4, output: 5, reasoning: 0 });
    }
  });

  test('without a finish reason there is no answer', () => {
    expect(read(chatAdapter, [chunk({ content: 'Hal' })])).toBeUndefined();
    expect(read(chatAdapter, [])).toBeUndefined();
  });

  test('a stream that a vendor ends with an error as its finish reason', () => {
    expect(thrownBy(() => read(chatAdapter, [chunk({}, 'error')]))).toMatchObject({ code: 'server_error' });
  });
});

test.each<[string, { [key: string]: JsonValue }, boolean]>([
  ['closed', CLOSED, true],
  ['open', OPEN, false],
  ['optional property', { ...CLOSED, required: [] }, false],
  ['no properties', { type: 'object', properties: {}, required: [], additionalProperties: false }, true],
  ['not an object', { type: 'string' }, false],
  ['closed within a list', { ...CLOSED, properties: { q: { type: 'array', items: CLOSED } } }, true],
  ['open within a list', { ...CLOSED, properties: { q: { type: 'array', items: OPEN } } }, false],
  ['list of anything', { ...CLOSED, properties: { q: { type: 'array' } } }, false],
  ['nullable', { ...CLOSED, properties: { q: { anyOf: [{ type: 'string' }, { type: 'null' }] } } }, true],
  ['open in anyOf', { ...CLOSED, properties: { q: { anyOf: [OPEN, { type: 'null' }] } } }, false],
  ['any value', { ...CLOSED, properties: { q: {} } }, false],
  ['a keyword outside the rules', { ...CLOSED, properties: { q: { type: 'string', minLength: 3 } } }, false],
  ['a default', { ...CLOSED, properties: { q: { type: 'string', default: 'x' } } }, false],
  ['an unknown format', { ...CLOSED, properties: { q: { type: 'string', format: 'uri' } } }, false],
  ['a definition', { ...CLOSED, properties: { q: { $ref: '#/$defs/a' } }, $defs: { a: CLOSED } }, true],
  ['an open definition', { ...CLOSED, properties: { q: { $ref: '#/$defs/a' } }, $defs: { a: OPEN } }, false],
])('strict rules: %s', (_what, schema, strict) => {
  expect(isStrictSchema(schema)).toBe(strict);
});
