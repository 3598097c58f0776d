// Needs: nothing but Node. How long a tool may take, and who says so.
import { z } from 'zod';
import { defineTool } from '../../activities/define';
import { runTool } from '../../activities/run-tool';
import { createMemoryStore, directToolStore } from '../../activities/store';

const run = (work: (signal: AbortSignal) => Promise<string>, timeoutMs?: number) => {
  const tool = defineTool({
    name: 'slow',
    description: 'Takes its time.',
    input: z.object({}),
    output: z.string(),
    effect: 'read',
    timeout: 1,
    run: (_, { signal }) => work(signal),
  });
  return runTool(
    {
      stateDir: '',
      failpoint: () => Promise.resolve(),
      secretsOf: () => ({}),
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
