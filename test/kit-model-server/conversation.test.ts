// Needs: nothing but free local ports. Drives the model server with the real client package, over both APIs.
import OpenAI from 'openai';
import { script, startModelServer, type ModelServer, type ModelServerOptions } from '../kit/model-server';

let server: ModelServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function start(options: ModelServerOptions): Promise<OpenAI> {
  server = await startModelServer(options);
  return new OpenAI({ baseURL: server.url, apiKey: 'sk-test-key-0001', maxRetries: 0 });
}

const tools: OpenAI.Chat.ChatCompletionTool[] = [
  { type: 'function', function: { name: 'lookup', parameters: { type: 'object', properties: {} } } },
];
const ask = { model: 'gpt-test', messages: [{ role: 'user' as const, content: 'Hello 🌍' }], tools };
const askResponses = {
  model: 'gpt-test',
  input: 'Hello 🌍',
  tools: [{ type: 'function' as const, name: 'lookup', parameters: { type: 'object', properties: {} }, strict: false }],
};
const calls = [
  { name: 'lookup', args: { q: 'first “quoted” 🌍 text that needs several deltas' } },
  { name: 'lookup', args: { q: 'second' } },
];
const LONG = 'A long answer with an emoji 🌍🌍🌍 that is cut into many deltas. '.repeat(5);

describe('chat completions', () => {
  test.each([1, 3, 24])('streams text as the client reads it, %d characters a delta', async (deltaChars) => {
    const client = await start({ script: script().answer(LONG), deltaChars });
    const stream = client.chat.completions.stream({ ...ask, stream_options: { include_usage: true } });
    const deltas: string[] = [];
    stream.on('content', (delta) => deltas.push(delta));
    const completion = await stream.finalChatCompletion();
    expect(completion.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: LONG, refusal: null } });
    expect(deltas.length).toBeGreaterThan(LONG.length / (deltaChars + 1) - 1);
    expect(completion.usage?.total_tokens).toBe(
      (completion.usage?.prompt_tokens ?? 0) + (completion.usage?.completion_tokens ?? 0),
    );
    expect(completion.usage?.completion_tokens).toBeGreaterThan(0);
  });

  test('streams parallel tool calls with their ids first and their arguments in deltas', async () => {
    const client = await start({ script: script().calls(calls, { text: 'Looking.' }) });
    const chunks: OpenAI.Chat.ChatCompletionChunk[] = [];
    const stream = client.chat.completions.stream(ask).on('chunk', (chunk) => chunks.push(chunk));
    const choice = (await stream.finalChatCompletion()).choices[0];
    expect(choice?.finish_reason).toBe('tool_calls');
    expect(choice?.message.content).toBe('Looking.');
    const made = (choice?.message.tool_calls ?? []).filter((call) => call.type === 'function');
    expect(made.map((call) => [call.function.name, JSON.parse(call.function.arguments) as unknown])).toEqual(
      calls.map((call) => [call.name, call.args]),
    );
    expect(new Set(made.map((call) => call.id)).size).toBe(2);
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: '', refusal: null });
    const deltas = chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []);
    for (const index of [0, 1]) {
      const [first, ...rest] = deltas.filter((delta) => delta.index === index);
      expect(first).toMatchObject({ id: made[index]?.id, type: 'function', function: { arguments: '' } });
      expect(rest.every((delta) => delta.id === undefined && delta.function?.name === undefined)).toBe(true);
    }
    // No usage was asked for, so there is neither a usage field nor a chunk for it.
    expect(chunks.every((chunk) => !('usage' in chunk) && chunk.choices.length === 1)).toBe(true);
  });

  test('sends usage in a chunk of its own when asked, and null before', async () => {
    const client = await start({ script: script().answer('Hi') });
    const chunks = [];
    const stream = await client.chat.completions.create({
      ...ask,
      stream: true,
      stream_options: { include_usage: true },
    });
    for await (const chunk of stream) chunks.push(chunk);
    const last = chunks.pop();
    expect(last?.choices).toEqual([]);
    expect(last?.usage?.prompt_tokens).toBeGreaterThan(0);
    expect(chunks.every((chunk) => chunk.usage === null)).toBe(true);
    expect(chunks.at(-1)?.choices[0]).toMatchObject({ delta: {}, finish_reason: 'stop' });
  });

  test.each([true, false])(
    'refusal, length, filter and emptiness keep their shape (streamed: %s)',
    async (streamed) => {
      const client = await start({
        order: 'arrival',
        script: script().refuse('I will not.').truncated('Half an ans').filtered('Some').empty(),
      });
      const next = async () =>
        (streamed
          ? await client.chat.completions.stream(ask).finalChatCompletion()
          : await client.chat.completions.create(ask)
        ).choices[0];
      expect(await next()).toMatchObject({
        finish_reason: 'stop',
        message: { role: 'assistant', refusal: 'I will not.', content: null },
      });
      expect(await next()).toMatchObject({ finish_reason: 'length', message: { content: 'Half an ans' } });
      expect(await next()).toMatchObject({ finish_reason: 'content_filter', message: { content: 'Some' } });
      // The package's accumulator makes null of text that never grew.
      const content = streamed ? null : '';
      expect(await next()).toMatchObject({ finish_reason: 'stop', message: { content, refusal: null } });
    },
  );
});

describe('responses', () => {
  test.each([1, 3, 24])('streams text as the client reads it, %d characters a delta', async (deltaChars) => {
    const client = await start({ script: script().answer(LONG), deltaChars });
    const stream = client.responses.stream(askResponses);
    let text = '';
    stream.on('response.output_text.delta', (event) => (text += event.delta));
    const response = await stream.finalResponse();
    expect(response.status).toBe('completed');
    expect(response.output_text).toBe(LONG);
    expect(text).toBe(LONG);
    expect(response.usage?.output_tokens).toBeGreaterThan(0);
  });

  test('the events of reasoning, text and parallel calls come in the order of the real API', async () => {
    const client = await start({
      script: script()
        .reasoning('I should look.', { encrypted: 'opaque', tokens: 7 })
        .calls(calls, { text: 'Looking.' }),
      deltaChars: 1000,
    });
    const stream = await client.responses.create({
      ...askResponses,
      include: ['reasoning.encrypted_content'],
      stream: true,
    });
    const events = [];
    for await (const event of stream) events.push(event);
    const call = [
      'response.output_item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_item.done',
    ];
    expect(events.map((event) => event.type)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.reasoning_summary_part.added',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.done',
      'response.reasoning_summary_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      ...call,
      ...call,
      'response.completed',
    ]);
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
    const last = events.at(-1);
    if (last?.type !== 'response.completed') throw new Error('the last event completes the response');
    const [reasoning, message, first, second] = last.response.output;
    expect(reasoning).toMatchObject({
      type: 'reasoning',
      encrypted_content: 'opaque',
      summary: [{ text: 'I should look.' }],
    });
    expect(message).toMatchObject({ type: 'message', status: 'completed', content: [{ text: 'Looking.' }] });
    expect(first).toMatchObject({ type: 'function_call', name: 'lookup', arguments: JSON.stringify(calls[0]?.args) });
    expect(second).toMatchObject({ type: 'function_call', name: 'lookup', arguments: JSON.stringify(calls[1]?.args) });
    expect(last.response.usage?.output_tokens_details.reasoning_tokens).toBe(7);
    // What the items said while streaming is what the response holds at the end.
    const done = events.flatMap((event) => (event.type === 'response.output_item.done' ? [event.item] : []));
    expect(done).toEqual(last.response.output);
  });

  test('the client package accumulates the same response as the one without streaming', async () => {
    const client = await start({ script: script().reasoning('Hm.').calls(calls, { text: 'Looking.' }) });
    const [streamed, plain] = [
      await client.responses.stream(askResponses).finalResponse(),
      await client.responses.create(askResponses),
    ];
    const shape = (response: OpenAI.Responses.Response) =>
      JSON.parse(
        JSON.stringify(
          { ...response, output_parsed: undefined, completed_at: 0, created_at: 0 },
          (key, value: unknown) =>
            ['id', 'call_id', '_request_id', 'parsed', 'parsed_arguments'].includes(key) ? undefined : value,
        ),
      ) as unknown;
    expect(shape(streamed)).toEqual(shape(plain));
    expect(plain._request_id).toMatch(/^req_/);
  });

  test.each([true, false])(
    'refusal, length, filter and emptiness keep their shape (streamed: %s)',
    async (streamed) => {
      const client = await start({
        order: 'arrival',
        script: script().refuse('I will not.').truncated('Half an ans').filtered('Some').empty(),
      });
      const next = async () =>
        streamed
          ? await client.responses.stream(askResponses).finalResponse()
          : await client.responses.create(askResponses);
      const refused = await next();
      expect(refused).toMatchObject({ status: 'completed', incomplete_details: null });
      expect(refused.output).toMatchObject([
        { type: 'message', content: [{ type: 'refusal', refusal: 'I will not.' }] },
      ]);
      expect(await next()).toMatchObject({
        status: 'incomplete',
        incomplete_details: { reason: 'max_output_tokens' },
        output_text: 'Half an ans',
        output: [{ status: 'incomplete' }],
      });
      expect(await next()).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'content_filter' } });
      expect(await next()).toMatchObject({ status: 'completed', output: [], output_text: '' });
    },
  );

  test('previous_response_id stands for the conversation before it', async () => {
    const client = await start({ script: script().call('lookup', { q: 1 }).answer('Found it.') });
    const first = await client.responses.create(askResponses);
    const call = first.output[0];
    if (call?.type !== 'function_call') throw new Error('the first turn is a call');
    const second = await client.responses.create({
      ...askResponses,
      previous_response_id: first.id,
      input: [{ type: 'function_call_output', call_id: call.call_id, output: 'x' }],
    });
    expect(second.output_text).toBe('Found it.');
    await expect(client.responses.create({ ...askResponses, previous_response_id: 'resp_no' })).rejects.toMatchObject({
      status: 400,
      code: 'previous_response_not_found',
    });
  });
});

describe('a script over a whole conversation', () => {
  const story = () => script().call('lookup', { q: 1 }).calls(calls).answer({ found: true });

  test('chat: every turn follows from the messages, so a repeated request gets the same turn', async () => {
    const client = await start({ script: story() });
    const messages: OpenAI.Chat.ChatCompletionMessageParam[] = [...ask.messages];
    for (let turn = 0; turn < 3; turn += 1) {
      const [one, again] = [
        await client.chat.completions.create({ ...ask, messages }),
        await client.chat.completions.stream({ ...ask, messages }).finalChatCompletion(),
      ];
      const message = one.choices[0]?.message;
      if (!message) throw new Error('a completion has a choice');
      const said = (calls: OpenAI.Chat.ChatCompletionMessageToolCall[] = []) =>
        calls.map((call) => (call.type === 'function' ? call.function.arguments : ''));
      expect(said(again.choices[0]?.message.tool_calls)).toEqual(said(message.tool_calls));
      expect(again.usage).toBeUndefined();
      messages.push(message);
      for (const call of message.tool_calls ?? [])
        messages.push({ role: 'tool', tool_call_id: call.id, content: 'ok' });
      if (turn === 2) expect(message.content).toBe('{"found":true}');
    }
    await expect(
      client.chat.completions.create({ ...ask, messages: [...messages, { role: 'user', content: 'And?' }] }),
    ).rejects.toMatchObject({
      status: 400,
      code: 'script_exhausted',
      message: expect.stringContaining('3 turns') as string,
    });
  });

  test('responses: items of one answer count as one turn', async () => {
    const client = await start({ script: story() });
    const input: OpenAI.Responses.ResponseInputItem[] = [{ role: 'user', content: 'Hello' }];
    const said: string[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      const response = await client.responses.create({ ...askResponses, input, store: false });
      for (const item of response.output) {
        if (item.type !== 'function_call' && item.type !== 'message') throw new Error(`unexpected ${item.type}`);
        input.push(item);
      }
      const made = response.output.filter((item) => item.type === 'function_call');
      for (const call of made) input.push({ type: 'function_call_output', call_id: call.call_id, output: 'ok' });
      said.push(`${made.length} calls ${response.output_text}`);
    }
    expect(said).toEqual(['1 calls ', '2 calls ', '0 calls {"found":true}']);
  });

  test.each(['kept', 'left out'])('an empty answer that the client has %s is one turn', async (kept) => {
    const client = await start({ script: script().empty().empty().answer('At last.') });
    const empty = kept === 'kept' ? [{ role: 'assistant' as const, content: '' }] : [];
    const again = [...empty, { role: 'user' as const, content: 'You said nothing.' }];
    const next = async (messages: OpenAI.Chat.ChatCompletionMessageParam[]) =>
      (await client.chat.completions.create({ ...ask, messages })).choices[0]?.message.content;
    expect(await next(ask.messages)).toBe('');
    expect(await next([...ask.messages, ...again])).toBe('');
    expect(await next([...ask.messages, ...again, ...again])).toBe('At last.');
  });

  test('respond decides from the request, and its failure is a 400 that nobody retries', async () => {
    const client = await start({
      respond: (request) => {
        if (request.model === 'broken') throw new Error('no idea');
        return script().answer(`${request.api} ${request.toolNames.join()} ${request.messages[0]?.text}`);
      },
    });
    expect((await client.responses.create(askResponses)).output_text).toBe('responses lookup Hello 🌍');
    expect((await client.chat.completions.create(ask)).choices[0]?.message.content).toBe('chat lookup Hello 🌍');
    await expect(client.responses.create({ ...askResponses, model: 'broken' })).rejects.toMatchObject({
      status: 400,
      code: 'respond_failed',
      message: expect.stringContaining('no idea') as string,
    });
  });

  test('cached tokens grow with the conversation and are the same for the same request', async () => {
    const client = await start({ script: script().answer('One').answer('Two') });
    const long: OpenAI.Chat.ChatCompletionMessageParam[] = [
      { role: 'user', content: 'x'.repeat(8000) },
      { role: 'assistant', content: 'One' },
      { role: 'user', content: 'More' },
    ];
    const usage = async (messages: OpenAI.Chat.ChatCompletionMessageParam[]) =>
      (await client.chat.completions.create({ model: 'gpt-test', messages })).usage;
    const first = await usage(long.slice(0, 1));
    const second = await usage(long);
    expect(first?.prompt_tokens_details?.cached_tokens).toBe(0);
    expect(second?.prompt_tokens_details?.cached_tokens).toBe(1920);
    expect(second?.prompt_tokens).toBeGreaterThan(2000);
    expect(await usage(long)).toEqual(second);
  });
});
