// Needs: nothing but Node. How long a tool may take, how much it may answer, and what becomes of what it throws and gives away.
import { z } from 'zod';
import { defineTool, defineToolbox } from '../../activities/define';
import { runTool } from '../../activities/run-tool';
import { createMemoryStore, directToolStore } from '../../activities/store';

const SECRET = 'sk-"quoted"\\and-long';
const run = (work: (signal: AbortSignal) => unknown, timeoutMs?: number, output: z.ZodType = z.string()) => {
  const tool = defineTool({
    name: 'slow',
    description: 'Takes its time.',
    input: z.object({}),
    output,
    effect: 'read',
    timeout: 1,
    toolbox: defineToolbox({ name: 'vault', secrets: ['TOKEN', 'PIN'] }),
    run: (_, { signal }) => work(signal),
  });
  return runTool(
    {
      stateDir: '',
      failpoint: () => Promise.resolve(),
      secretsOf: () => ({ TOKEN: SECRET, PIN: '1234' }),
      now: Date.now,
      toolStore: directToolStore(createMemoryStore()),
    },
    {
      key: { run: 'r', fork: 0, turn: 1, index: 1 },
      agent: 'a',
      release: '',
      tenant: 't',
      name: 'slow',
      message: '',
      call: 0,
      input: '',
    },
    {
      number: 1,
      workflowId: 'w',
      runId: 'r',
      signal: new AbortController().signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    },
    { agent: { tools: [tool] } },
    { call: { type: 'tool-call', call: 0, name: 'slow', arguments: {} }, effect: undefined, isLast: true },
  );
};

test('a tool whose time is up is told by its signal, and is a timeout', async () => {
  let aborted = false;
  const outcome = await run(
    (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          reject(new Error('stopped'));
        });
      }),
  );
  expect(outcome).toMatchObject({ failure: { type: 'Tool.Timeout', message: 'no answer within 1 ms.' } });
  expect(aborted).toBe(true);
});

test.each([60_000, Infinity])(
  'what Temporal allows the attempt counts, %d ms here: a debugger lifts it',
  async (ms) => {
    const later = () => new Promise<string>((resolve) => setTimeout(() => resolve('done'), 30));
    expect(await run(later, ms)).toMatchObject({ parts: [{ text: 'done' }] });
  },
);

test.each<[unknown, string]>([
  ['out of order', 'it threw out of order'],
  [42, 'it threw 42'],
  [undefined, 'it threw something that is no error (undefined)'],
  [null, 'it threw something that is no error (null)'],
  [
    {
      toString: () => {
        throw new Error('worse');
      },
    },
    'it threw something that is no error (object)',
  ],
  [Symbol('odd'), 'it threw something that is no error (symbol)'],
  [new Error(''), 'Error'],
])('what is thrown is a failure with a text, whatever it is: %p', async (thrown, message) => {
  const outcome = await run(() => {
    throw thrown;
  }, 60_000);
  expect(outcome).toMatchObject({ failure: { type: 'Tool.Failed', message } });
});

test('an answer of 50 MB is none, and says what to do instead; one just below the limit is taken', async () => {
  expect(await run(() => 'x'.repeat(50_000_000), 60_000)).toMatchObject({
    failure: {
      type: 'Tool.InvalidOutput',
      message:
        'the tool answered with 50000000 bytes, of which 4194304 at most are taken: what is larger is for a file.',
    },
    objects: [],
  });
  expect(await run(() => 'x'.repeat(4_194_304), 60_000)).toMatchObject({ parts: [{ type: 'text' }] });
});

test('a secret that a tool gives away is taken out of what it answers, as text and as JSON; a short one may be a word', async () => {
  const texts = await Promise.all([
    run(() => `token ${SECRET}, pin 1234`, 60_000),
    run(() => ({ token: SECRET, list: [SECRET] }), 60_000, z.json()),
  ]);
  expect(texts).toMatchObject([
    { parts: [{ text: 'token [redacted], pin 1234' }] },
    { parts: [{ text: '{"list":["[redacted]"],"token":"[redacted]"}' }] },
  ]);
});

test('a secret in what it throws is taken out too, a short one as well', async () => {
  const outcome = await run(() => Promise.reject(new Error(`no access with ${SECRET} and 1234`)), 60_000);
  expect(outcome).toMatchObject({ failure: { message: 'no access with [redacted] and [redacted]' } });
});
