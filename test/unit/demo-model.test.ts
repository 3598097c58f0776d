// Needs nothing: the demo model alone, asked by requests as the runtime makes them.
import { z } from 'zod';
import { createDemoProvider } from '../../activities/model/demo';
import { likeness, searchForms, stem } from '../../activities/model/demo/stem';
import { parseQuestion, wordsOf } from '../../activities/model/demo/terms';
import type { ModelRequest, ModelResponse, ToolSpec } from '../../activities/model/provider';
import { repoAnalyst } from '../../agents/repo-analyst/agent';
import type { JsonValue, Message } from '../../workflows/contract/message';
import { citationsIn, runDirectly, temporaryFolder } from '../e2e-demo/direct-run';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

const toolSpec = (name: string, input: z.ZodObject): ToolSpec => ({
  name,
  description: name,
  input: z.toJSONSchema(input, { io: 'input' }) as ToolSpec['input'],
});
const user = (text: string): Message => ({ role: 'user', parts: [{ type: 'text', text }] });
const result = (name: string, text: string, outcome: 'ok' | 'error' = 'ok'): Message => ({
  role: 'tool',
  call: 0,
  name,
  outcome,
  parts: [{ type: 'text', text }],
});
const ask = (
  messages: Message[],
  more: Partial<Pick<ModelRequest, 'tools' | 'output'>> = {},
  call: { signal?: AbortSignal; onDelta?: (delta: { text?: string }) => void; delayMs?: number } = {},
): Promise<ModelResponse> =>
  createDemoProvider(call.delayMs === undefined ? {} : { delayMs: call.delayMs }).generate(
    {
      model: 'extractive-1',
      instructions: 'Be kind.',
      messages,
      tools: [],
      parameters: {},
      rawItems: new Map(),
      loadFile: () => Promise.reject(new Error('no files here')),
      ...more,
    },
    { signal: new AbortController().signal, ...call },
  );
const text = ({ message }: ModelResponse): string =>
  message.parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
const calls = ({ message }: ModelResponse): JsonValue[] =>
  message.parts.flatMap((part) => (part.type === 'tool-call' ? [{ [part.name]: part.arguments }] : []));

describe('as a provider', () => {
  test('the same request gets the same answer, usage and hash; another gets another hash', async () => {
    const first = await ask([user('Hello there')]);
    expect(await ask([user('Hello there')])).toEqual(first);
    expect((await ask([user('Hello here')])).request.sha256).not.toBe(first.request.sha256);
    expect(first).toMatchObject({ finish: 'stop', usage: { cachedInput: 0, reasoning: 0 }, raw: null });
    expect(first.usage.input).toBe(Math.ceil(first.request.bytes / 4));
  });

  test('streams what it answers', async () => {
    const pieces: string[] = [];
    const answer = await ask([user('Hello there')], {}, { onDelta: (delta) => pieces.push(delta.text ?? '') });
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join('')).toBe(text(answer));
  });

  test('an abort, before or in the middle, ends it with its reason', async () => {
    const reason = new Error('stop it');
    await expect(ask([user('x')], {}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const slow = ask(
      [user('x')],
      {},
      {
        signal: controller.signal,
        delayMs: 3_600_000,
      },
    );
    controller.abort(reason);
    await expect(slow).rejects.toBe(reason);
  });
});

describe('with the tools of another agent', () => {
  test('of several that do not plainly fit it calls none, and says why and what to set', async () => {
    const tools = ['crawl', 'weigh'].map((name) => toolSpec(name, z.object({ target: z.string(), depth: z.number() })));
    const answer = await ask([user('Which is best?')], { tools });
    expect(calls(answer)).toEqual([]);
    expect(text(answer)).toContain('cannot choose between the tools `crawl`, `weigh`. Set OPENAI_API_KEY');
  });

  const greet = toolSpec('greet', z.object({ name: z.string() }));

  test('one text argument: calls once with the input, then passes the answer on', async () => {
    const first = await ask([user('Ada')], { tools: [greet] });
    expect(calls(first)).toEqual([{ greet: { name: 'Ada' } }]);
    expect(first.finish).toBe('tool-calls');
    for (const answer of ['"Hello, Ada!"', '{"greeting":"Hello, Ada!"}', 'Hello, Ada!']) {
      const last = await ask([user('Ada'), first.message, result('greet', answer)], { tools: [greet] });
      expect(text(last)).toBe('Hello, Ada!');
    }
    const failed = await ask([user('Ada'), first.message, result('greet', 'no', 'error')], { tools: [greet] });
    expect(text(failed)).toBe('greet did not work: no');
  });

  test('arguments are taken from the input by name, and only where they fit', async () => {
    const refund = toolSpec('refund', z.object({ orderId: z.string(), amount: z.number().max(100) }));
    const asked = (input: JsonValue): Promise<ModelResponse> => ask([user(JSON.stringify(input))], { tools: [refund] });
    expect(calls(await asked({ orderId: 'A-1', amount: 5, note: 'x' }))).toEqual([
      { refund: { orderId: 'A-1', amount: 5 } },
    ]);
    expect(calls(await asked({ orderId: 'A-1', amount: 500 }))).toEqual([]);
    expect(calls(await asked({ orderId: 'A-1' }))).toEqual([]);
  });

  test('of several tools the one that the input names, or none', async () => {
    const tools = [greet, toolSpec('delete_account', z.object({ id: z.string() }))];
    expect(calls(await ask([user('Please greet Ada')], { tools }))).toEqual([{ greet: { name: 'Please greet Ada' } }]);
    expect(calls(await ask([user('Ada')], { tools }))).toEqual([]);
  });

  test('without any: says what it is, and what it was given', async () => {
    const answer = text(await ask([user('Write a poem about the sea')]));
    expect(answer).toContain('no language model');
    expect(answer).toContain('Write a poem about the sea');
    expect(text(await ask([user('')]))).toContain('nothing');
  });
});

describe('with an output schema', () => {
  const schemas: [string, z.ZodType][] = [
    ['flat', z.object({ decision: z.enum(['refunded', 'declined']), refundId: z.string().optional() })],
    [
      'strings',
      z.object({
        a: z.string().min(400),
        b: z.string().max(3),
        c: z.email(),
        d: z.uuid(),
        e: z.iso.date(),
        f: z.url(),
      }),
    ],
    [
      'numbers',
      z.object({
        a: z.number().min(3),
        b: z.int().gt(3),
        c: z.number().lt(-2),
        d: z.number().gt(0).lt(1),
        e: z.int().max(-7),
        f: z.number().multipleOf(5).gt(11),
      }),
    ],
    [
      'shapes',
      z.object({
        a: z.array(z.object({ x: z.boolean() })).min(2),
        b: z.nullable(z.string()),
        c: z.literal('yes'),
        d: z.union([z.number(), z.string()]),
        e: z.null(),
      }),
    ],
    ['intersection', z.intersection(z.object({ a: z.string() }), z.object({ b: z.number() }))],
    ['pattern', z.object({ a: z.string().regex(/^[A-Z]{2,3}$/), b: z.string().regex(/^\d+$/) })],
    ['bare array', z.array(z.string()).min(1)],
    [
      'discriminated',
      z.object({
        a: z.discriminatedUnion('kind', [
          z.object({ kind: z.literal('x'), n: z.number() }),
          z.object({ kind: z.literal('y') }),
        ]),
      }),
    ],
  ];
  test.each(schemas)('%s: the answer is valid', async (_, schema) => {
    const output = { name: 'answer', schema: z.toJSONSchema(schema) as ToolSpec['input'] };
    const answer = text(await ask([user('Please decide about order A-1')], { output }));
    expect(schema.safeParse(JSON.parse(answer))).toMatchObject({ success: true });
  });

  test('a tree that may end does', async () => {
    const tree = z.object({
      name: z.string(),
      get children() {
        return z.array(tree);
      },
    });
    const output = { name: 'tree', schema: z.toJSONSchema(tree) as ToolSpec['input'] };
    expect(tree.parse(JSON.parse(text(await ask([user('root')], { output })))).children).toEqual([]);
  });

  test('what the input and the tools said stands where its name fits', async () => {
    const schema = z.object({ orderId: z.string(), refundId: z.string().optional(), done: z.boolean() });
    const refund = toolSpec('refund', z.object({ orderId: z.string() }));
    const more = { tools: [refund], output: { name: 'o', schema: z.toJSONSchema(schema) as ToolSpec['input'] } };
    const input = user('{"orderId":"A-1"}');
    const first = await ask([input], more);
    const last = await ask([input, first.message, result('refund', '{"refundId":"r1","done":true}')], more);
    expect(JSON.parse(text(last))).toEqual({ orderId: 'A-1', refundId: 'r1', done: true });
  });
});

describe('on a folder', () => {
  const answerTo = async (files: { [name: string]: string }, question: string): Promise<string> => {
    const dir = await temporaryFolder();
    for (const [name, content] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(dir, name)), { recursive: true });
      await writeFile(path.join(dir, name), content);
    }
    const run = await runDirectly(
      repoAnalyst,
      createDemoProvider(),
      { question, dir },
      { stateDir: await temporaryFolder() },
    );
    return run.answer;
  };

  test('the best line is cited first, and a report is named', async () => {
    const answer = await answerTo(
      {
        'moorings.txt':
          'Moorings\n\nBoats under nine metres lie in the inner basin.\nThe inner basin is dredged every third spring.\n',
        'tides/sill.md': '# Tides\nThe sill opens two hours before high water.\n',
      },
      'How often is the inner basin dredged?',
    );
    expect(citationsIn(answer)[0]).toEqual({
      path: 'moorings.txt',
      line: 4,
      text: 'The inner basin is dredged every third spring.',
    });
    expect(answer).toMatch(/\nReport: reports\/\S+\.md \(in the state folder, .longhaul\)$/);
  });

  test('a sentence over several lines is quoted whole', async () => {
    const answer = await answerTo(
      {
        'a.md':
          'Intro.\n\nThe great bell of the northern tower is rung at noon by the\nsexton, who climbs two hundred steps to reach it.\n\nEnd.\n',
      },
      'Who rings the great bell of the northern tower?',
    );
    expect(citationsIn(answer).map(({ line }) => line)).toEqual([3, 4]);
  });

  test('where nothing is found it says so, and where only a little fits it says that', async () => {
    const files = { 'README.md': '# Harbour\n\nAll about boats.\n', 'b.txt': 'The boats are red.\n' };
    expect(await answerTo(files, 'Which cheese is eaten?')).toContain('Nothing was found.');
    expect(await answerTo(files, 'Why did the emperor of Atlantis confiscate boats?')).toMatch(/^No line answers this/);
  });

  test('a question about the whole gets what the folder says about itself', async () => {
    const answer = await answerTo({ 'README.md': '# Harbour\n\nAll about boats.\n' }, 'What is this project about?');
    expect(answer).toContain('README.md:3: All about boats.');
  });

  test('an empty folder and a missing one get a plain answer', async () => {
    expect(await answerTo({}, 'Where is the inner basin?')).toContain('no text files');
    const missing = path.join(await temporaryFolder(), 'nowhere');
    const run = await runDirectly(
      repoAnalyst,
      createDemoProvider(),
      { question: 'Where?', dir: missing },
      { stateDir: await temporaryFolder() },
    );
    expect(run.answer).toContain('is not there');
  });

  test('a name is found as it is written, and by its parts', async () => {
    const files = {
      'src/a.ts': 'import { retryPolicy } from "./b";\n\nuse(retryPolicy);\n',
      'src/b.ts': '// When to try again.\nexport const retryPolicy = { attempts: 3 };\n',
    };
    expect(citationsIn(await answerTo(files, 'Where is retryPolicy defined?'))[0]).toMatchObject({
      path: 'src/b.ts',
      line: 2,
    });
  });

  test('text without spaces between words, and text in accents', async () => {
    const files = {
      'ja.txt': '港は毎日開いています。\n内側の水域は三年ごとに浚渫される。\n',
      'fr.txt': 'Le marché est fermé le lundi.\n',
    };
    expect(citationsIn(await answerTo(files, '内側の水域はいつ浚渫されますか'))[0]).toMatchObject({
      path: 'ja.txt',
      line: 2,
    });
    expect(citationsIn(await answerTo(files, 'Quand le marche est-il ferme ?'))[0]).toMatchObject({
      path: 'fr.txt',
      line: 1,
    });
  });

  test('an escape sequence in a file does not reach the reader', async () => {
    const answer = await answerTo(
      { 'a.txt': 'The gate is green \u001b]0;owned\u0007 and tall.\n' },
      'Is the gate green?',
    );
    expect(citationsIn(answer)[0]).toEqual({ path: 'a.txt', line: 1, text: 'The gate is green' });
  });
});

describe('words', () => {
  test.each([
    ['retries', 'retry'],
    ['retried', 'retrying'],
    ['decides', 'deciding'],
    ['migrations', 'migrate'],
    ['boxes', 'box'],
    ['planned', 'plan'],
    ['operates', 'operations'],
    ['written', 'wrote'],
    ['installation', 'installed'],
    ['configuration', 'configures'],
  ])('%s and %s are one', (a, b) => expect(stem(a)).toBe(stem(b)));

  test.each([
    ['internal', 'interface'],
    ['state', 'station'],
    ['port', 'portal'],
    ['universe', 'uniform'],
  ])('%s and %s are two', (a, b) => expect(likeness(stem(a), stem(b))).toBe(0));

  test('what is searched for begins the forms of the word', () => {
    for (const [word, forms] of [
      ['retries', ['retry', 'retries', 'retried', 'retrying']],
      ['dredged', ['dredge', 'dredging', 'dredged']],
      ['wrote', ['write', 'written', 'wrote']],
    ] as const) {
      for (const form of forms) expect(searchForms(word).some((start) => form.startsWith(start))).toBe(true);
    }
  });

  test('identifiers are taken apart, phrases and names kept', () => {
    expect(wordsOf('maxRetryCount HTTPServer snake_case Café')).toEqual([
      'max',
      'retry',
      'count',
      'http',
      'server',
      'snake',
      'case',
      'cafe',
    ]);
    const question = parseQuestion('Where does "inner basin" stand in agent.ts or runPlan?');
    expect(question.phrases).toEqual(['inner basin', 'agent.ts', 'runPlan']);
  });
});
