// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. What a history holds of long texts, wherever they come from.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { payloadText } from '../stack/payload-text';
import { startTestStack, type TestStack } from '../stack/test-stack';

/** A text of 20,000 characters in which no piece stands twice. */
const long = (name: string): string =>
  Array.from({ length: 2_000 }, (_, at) => `${name}${at}x${(at * 7919) % 1000}`)
    .join(' ')
    .slice(0, 20_000);

const tell = defineTool({
  name: 'tell',
  description: 'Tells.',
  input: z.object({ about: z.string() }),
  output: z.object({ text: z.string() }),
  effect: 'read',
  retry: { attempts: 2 },
  run: ({ about }) => {
    if (about.startsWith('broken')) throw new Error(long('thrown'), { cause: new Error(long('cause')) });
    return { text: long('result') };
  },
});
const teller = defineAgent({ name: 'teller', instructions: long('instructions'), tools: [tell], limits: { turns: 5 } });
const strict = defineAgent({ name: 'strict', instructions: 'Decide.', output: z.object({ yes: z.boolean() }) });

let model: ModelServer;
let stack: TestStack;
beforeAll(async () => {
  model = await startModelServer({ script: script() });
  stack = await startTestStack({ agents: [teller, strict], modelUrl: model.url });
}, 60_000);
afterAll(async () => {
  await stack.close();
  await model.close();
});
afterEach(() => {
  model.clearFaults();
  model.reset();
});

const NAMES = [
  'asked',
  'instructions',
  'argument',
  'result',
  'thrown',
  'cause',
  'answer',
  'provider',
  'unparsed',
  'refused',
  'reason',
];

/** Characters of the longest piece of each text that stands in what Temporal holds of the run. */
async function held(id: string): Promise<Record<string, number>> {
  const handle = stack.temporal.workflow.getHandle(id);
  const seen = payloadText(await handle.fetchHistory()) + payloadText((await handle.describe()).raw);
  expect(seen).toContain('json/plain');
  return Object.fromEntries(NAMES.map((name) => [name, longestPiece(long(name), seen)]));
}

function longestPiece(text: string, seen: string): number {
  let longest = 0;
  for (let start = 0; start + longest < text.length; start += 1)
    while (start + longest < text.length && seen.includes(text.slice(start, start + longest + 1))) longest += 1;
  return longest;
}

const bounded = (pieces: Record<string, number>): void => {
  console.log(JSON.stringify(pieces));
  expect(Object.entries(pieces).filter(([, length]) => length > 200)).toEqual([]);
};

test('of a question, arguments, results, errors of tools and an answer', async () => {
  model.setScript(
    script()
      .call('tell', { about: long('argument') })
      .call('tell', { about: `broken ${long('argument')}` })
      .answer(long('answer')),
  );
  const run = await stack.client.agent<typeof teller>('teller').start(long('asked'));
  expect(await run.result()).toMatchObject({ outcome: 'completed', output: long('answer') });
  const pieces = await held(run.id);
  for (const name of ['asked', 'answer', 'argument', 'result']) expect(pieces[name]).toBeGreaterThan(50);
  bounded(pieces);
}, 60_000);

test.each([
  [400, 'failed'],
  [401, 'failed'],
])(
  'of what a provider says with a %d',
  async (status, outcome) => {
    model.setScript(script().answer('never'));
    const body = { error: { message: long('provider'), type: 'invalid_request_error', code: 'c' } };
    model.addFaults({ when: {}, do: { status, body } });
    const run = await stack.client.agent<typeof teller>('teller').start('?');
    expect(await run.result()).toMatchObject({ outcome });
    bounded(await held(run.id));
  },
  60_000,
);

test('of what a provider says with a 500, of attempts that are made again', async () => {
  model.setScript(script().answer('at last'));
  model.addFaults({ when: { nth: 1 }, do: { status: 500, body: { error: { message: long('provider') } } } });
  const run = await stack.client.agent<typeof teller>('teller').start('?');
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  bounded(await held(run.id));
}, 60_000);

test('of answers that do not fit, calls that do not parse, and refusals', async () => {
  model.setScript(script().answer(long('answer')).answer(long('answer')).answer(long('answer')));
  const run = await stack.client.agent<typeof strict>('strict').start(long('asked'));
  expect(await run.result()).toMatchObject({ outcome: 'failed', failure: { type: 'Model.InvalidOutput' } });
  bounded(await held(run.id));

  for (const turn of [
    { calls: [{ name: 'tell', args: `{"about": "${long('unparsed')}` }] },
    { calls: [{ name: long('unparsed').replaceAll(' ', '_').slice(0, 2_000), args: {} }] },
    { refusal: long('refused') },
  ]) {
    model.reset();
    model.setRespond(() => turn);
    const again = await stack.client.agent<typeof teller>('teller').start('?');
    expect(await again.result()).toMatchObject({ outcome: 'failed' });
    bounded(await held(again.id));
  }
}, 60_000);
