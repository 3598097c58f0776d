// Needs: the recorded conversations in ../shared (or LONGHAUL_SHARED) for its second half; skips that half without them.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import OpenAI from 'openai';
import { loadRecordings, playback, startModelServer, type ModelServer, type Recording } from '../kit/model-server';

type Message = OpenAI.Chat.ChatCompletionMessageParam;

let server: ModelServer;
afterEach(() => server?.close());
async function start(recordings: Recording[], options: Parameters<typeof playback>[1] = {}): Promise<OpenAI> {
  server = await startModelServer({ respond: playback(recordings, options) });
  return new OpenAI({ baseURL: server.url, apiKey: 'sk-test-key-0001', maxRetries: 0 });
}

const call = (id: string, args: string) => [
  { id, type: 'function' as const, function: { name: 'find', arguments: args } },
];
const recording: Recording = {
  label: 'the only one',
  messages: [
    { role: 'user', content: 'Find it.' },
    { role: 'assistant', content: 'Looking.', tool_calls: call('call_a', '{"q":"it","n":1}') },
    { role: 'tool', tool_call_id: 'call_a', content: '{"found": true, "at": 3}' },
    { role: 'assistant', content: 'Here.' },
    { role: 'user', content: 'Thanks' },
  ],
};
const ask = (client: OpenAI, messages: Message[]) => client.chat.completions.create({ model: 'm', messages });

describe('a recording', () => {
  const first: Message[] = [
    { role: 'system', content: 'Any instructions.' },
    { role: 'user', content: [{ type: 'text', text: ' Find it.\n' }] },
  ];
  const called: Message[] = [
    ...first,
    { role: 'assistant', content: 'Looking.', tool_calls: call('call_z', '{"n": 1, "q": "it"}') },
  ];

  test('is continued whatever the ids, spaces and order of keys', async () => {
    const client = await start([recording]);
    const message = (await ask(client, first)).choices[0]?.message;
    expect(message).toMatchObject({
      content: 'Looking.',
      tool_calls: [{ function: { arguments: '{"q":"it","n":1}' } }],
    });
    for (const content of ['{"at":3,"found":true}', JSON.stringify('{"at":3,"found":true}')]) {
      const next = await ask(client, [...called, { role: 'tool', tool_call_id: 'call_z', content }]);
      expect(next.choices[0]?.message.content).toBe('Here.');
    }
  });

  test('is continued over the other API too', async () => {
    const client = await start([recording]);
    const input: OpenAI.Responses.ResponseInputItem[] = [{ role: 'user', content: 'Find it.' }];
    const response = await client.responses.create({ model: 'm', instructions: 'Any.', input });
    for (const item of response.output) {
      if (item.type === 'message' || item.type === 'function_call') input.push(item);
      if (item.type !== 'function_call') continue;
      input.push({ type: 'function_call_output', call_id: item.call_id, output: '{"found":true,"at":3}' });
    }
    expect((await client.responses.create({ model: 'm', input })).output_text).toBe('Here.');
  });

  test.each<[string, Message[], string]>([
    [
      'another question',
      [{ role: 'user', content: 'Lose it.' }],
      'differs at message 0: it has user "Find it.", the request has user "Lose it."',
    ],
    [
      'another result',
      [...called, { role: 'tool', tool_call_id: 'call_z', content: 'no' }],
      'differs at message 2: it has tool',
    ],
    [
      'an end',
      [
        ...called,
        { role: 'tool', tool_call_id: 'call_z', content: '{"found":true,"at":3}' },
        { role: 'assistant', content: 'Here.' },
      ],
      'holds all 4 messages, but goes on with user "Thanks"',
    ],
    [
      'a question beyond the end',
      [
        ...called,
        { role: 'tool', tool_call_id: 'call_z', content: '{"found":true,"at":3}' },
        { role: 'assistant', content: 'Here.' },
        { role: 'user', content: 'Thanks' },
      ],
      'goes on with nothing more',
    ],
  ])('refuses %s and says where it differs', async (_, messages, why) => {
    const client = await start([recording]);
    await expect(ask(client, messages)).rejects.toMatchObject({
      status: 400,
      code: 'playback_no_match',
      message: expect.stringContaining(why) as string,
    });
  });

  test('normalise bridges what a client wraps', async () => {
    const client = await start([recording], { normalise: (m) => ({ ...m, text: m.text.replace(/^Question: /, '') }) });
    const answer = await ask(client, [{ role: 'user', content: 'Question: Find it.' }]);
    expect(answer.choices[0]?.message.content).toBe('Looking.');
  });

  test('a file with a bad line is refused by its line', () => {
    const folder = mkdtempSync(join(tmpdir(), 'recordings-'));
    const file = join(folder, 'bad.jsonl');
    writeFileSync(file, '{"messages":[]}\n\n{"messages":1}\n');
    expect(() => loadRecordings(file)).toThrow('bad.jsonl:3');
    rmSync(folder, { recursive: true });
  });
});

const airline = join(
  process.env['LONGHAUL_SHARED'] ?? resolve(__dirname, '../../../shared'),
  'trajectories/airline.jsonl',
);
const present = existsSync(airline);
if (!present) console.warn(`skipped: no recorded conversations at ${airline}; LONGHAUL_SHARED names their folder`);

(present ? describe : describe.skip)('fifty recorded conversations', () => {
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  const recordings = present ? loadRecordings(airline) : [];

  test('every answer of every one is played back, prefix by prefix', async () => {
    expect(recordings).toHaveLength(50);
    let asked = 0;
    for (const one of recordings) {
      // Alone, because some begin alike: the first of them would answer for the others.
      const client = await start([one]);
      const messages = one.messages as Message[];
      for (const [index, message] of messages.entries()) {
        if (message.role !== 'assistant') continue;
        const completion = await ask(client, messages.slice(0, index));
        const said = completion.choices[0]?.message;
        asked += 1;
        expect(text(said?.content)).toBe(text(message.content));
        expect(said?.tool_calls?.map((made) => (made.type === 'function' ? made.function : made))).toEqual(
          message.tool_calls?.map((made) => (made.type === 'function' ? made.function : made)),
        );
      }
      expect(server.counts()).toMatchObject({ refused: 0 });
      await server.close();
    }
    expect(asked).toBe(702);
  }, 60_000);

  test('together, a conversation that is led by its own answers stays in one recording', async () => {
    const client = await start(recordings);
    const recorded = (recordings[0]?.messages ?? []) as Message[];
    const led: Message[] = [];
    for (const message of recorded) {
      if (message.role === 'assistant') {
        const said = (await client.chat.completions.stream({ model: 'm', messages: led }).finalChatCompletion())
          .choices[0];
        if (!said) throw new Error('a completion has a choice');
        led.push(said.message);
      } else if (message.role === 'tool') {
        const last = led.at(-1);
        const id = last?.role === 'assistant' ? last.tool_calls?.[0]?.id : undefined;
        led.push({ ...message, tool_call_id: id ?? '' });
      } else led.push(message);
    }
    expect(led.map((message) => text(message.content))).toEqual(recorded.map((message) => text(message.content)));
  });
});
