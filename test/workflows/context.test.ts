// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. A conversation many times as long as the
// model's window: what the model reads of it, and what is kept of it.
import { z } from 'zod';
import { tokenCounter } from '../../activities/context/count-tokens';
import { defineAgent, defineTool } from '../../activities/define';
import { callsOf } from '../../activities/store/run-calls';
import { script, WireError, type ModelRequest } from '../kit/model-server';
import { useStack } from '../stack/use-stack';

const WINDOW = 6_000;
const counter = tokenCounter('gpt-4o');
const FILLER = Array.from({ length: 70 }, (_, at) => `line ${at} of a long report`).join('\n');

const look = defineTool({
  name: 'look',
  description: 'Looks a booking up.',
  input: z.object({ number: z.number() }),
  output: z.object({ reference: z.string(), report: z.string() }),
  effect: 'read',
  run: ({ number }) => ({ reference: `BK-${1000 + number * 7}`, report: FILLER }),
});
const rules = defineTool({
  name: 'rules',
  description: 'Reads the rules.',
  input: z.object({}),
  output: z.object({ rules: z.string() }),
  effect: 'read',
  run: () => ({ rules: `never refund twice\n${FILLER}` }),
});
const tools = [look, rules];
const limits = { turns: 200 };
const clerk = defineAgent({
  name: 'clerk',
  instructions: 'Look bookings up.',
  tools,
  limits,
  context: { window: WINDOW, prune: { keepLast: 2, except: ['rules'], freeAtLeast: 2_000 }, compact: { keepLast: 6 } },
});
const unaware = defineAgent({ name: 'unaware', instructions: 'Look bookings up.', tools, limits });
const fixed = defineAgent({ name: 'fixed', instructions: 'Look bookings up.', tools, limits, context: false });

const LOOKS = 60;
const seen: ModelRequest[] = [];
let next = 0;
/** Tokens that the server of this test reads at most, as a provider has a limit that nobody told us of. */
let limit = Infinity;
let recallOf = 0;

const isSummary = ({ messages }: ModelRequest): boolean =>
  messages.some(({ role, text }) => role === 'system' && text.startsWith('You condense'));
const tokensOf = ({ messages }: ModelRequest): number =>
  messages.reduce((sum, { text, calls }) => sum + counter.countText(text + JSON.stringify(calls)), 0);

function respond(request: ModelRequest) {
  if (tokensOf(request) > limit)
    throw new WireError(400, 'too long', { type: 'invalid_request_error', code: 'context_length_exceeded' });
  if (isSummary(request)) {
    const found = request.messages.flatMap(({ text }) => text.match(/BK-\d+/g) ?? []);
    return script()
      .answer(`Facts: ${[...new Set(found)].slice(0, 3).join(', ')}`)
      .turnAt(0);
  }
  seen.push(request);
  const step = next++;
  if (step === 0) return script().call('rules', {}).turnAt(0);
  if (step <= LOOKS) return script().call('look', { number: step }).turnAt(0);
  if (step === LOOKS + 1) return script().call('recall', { message: recallOf }).turnAt(0);
  const last = request.messages.at(-1)?.text ?? '';
  return script()
    .answer(/BK-\d+/.exec(last)?.[0] ?? `nothing in: ${last.slice(0, 200)}`)
    .turnAt(0);
}

const on = useStack(
  { respond },
  {
    agents: [clerk, unaware, fixed],
    // Continue-as-new falls among the edits.
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': 300 },
  },
);
beforeEach(() => {
  seen.length = 0;
  next = 0;
  limit = Infinity;
  recallOf = 0;
});

/** How often a request does not begin with the whole of the one before it. */
function breaks(requests: readonly ModelRequest[]): number {
  const texts = requests.map(({ items }) => items.map((item) => JSON.stringify(item)));
  return texts.filter((items, at) => at > 0 && !texts[at - 1]?.every((item, nth) => item === items[nth])).length;
}

async function editsOf(id: string): Promise<{ prunes: number; compactions: number }> {
  const { ended } = await on.stack.client.run(id).record();
  const { calls } = await callsOf(on.stack.store, ended?.firstRunId ?? '');
  return {
    prunes: calls.filter(({ record }) => record.kind === 'model' && record.answer.pruned).length,
    compactions: calls.filter(({ record }) => record.kind === 'compaction').length,
  };
}

test('sixty looks of 500 tokens through a window of 6,000: it completes, and what was left out is read again', async () => {
  // The result of the first look: after the question, the rules, and the call.
  recallOf = 4;
  const run = await on.stack.client.agent<typeof clerk>('clerk').start('Look at all of them.', { id: 'long' });
  expect(await run.result()).toMatchObject({ outcome: 'completed', output: 'BK-1007' });

  const { prunes, compactions } = await editsOf('long');
  console.log(
    `${seen.length} requests, ${prunes} prunes, ${compactions} compactions, most tokens ${Math.max(...seen.map(tokensOf))}`,
  );
  expect(prunes).toBeGreaterThan(3);
  expect(compactions).toBeGreaterThan(0);
  for (const request of seen) {
    expect(tokensOf(request)).toBeLessThan(WINDOW);
    expect(request.messages.map(({ role }) => role).slice(0, 2)).toEqual(['system', 'user']);
    expect(request.messages[1]?.text).toBe('Look at all of them.');
  }
  // Between edits each request extends the one before: a provider's cache goes on to hit.
  expect(breaks(seen)).toBeLessThanOrEqual(prunes + compactions);
  expect(prunes + compactions).toBeLessThan(seen.length / 2);
  // The rules are an exception: pruned never, summed up with the rest.
  const pruned = seen.flatMap(({ messages }) => messages.filter(({ text }) => text.startsWith('[Removed')));
  expect(pruned.length).toBeGreaterThan(0);
  expect(pruned.filter(({ text }) => text.includes('result of rules'))).toEqual([]);
  expect(seen.filter(({ toolNames }) => toolNames.includes('recall')).length).toBeGreaterThan(0);
  expect(seen[0]?.toolNames).not.toContain('recall');

  // What was said is all there, word for word, at its place.
  const transcript = await run.transcript();
  expect(transcript).toHaveLength(2 * (LOOKS + 2) + 2);
  const references = transcript.flatMap((message) =>
    message.role === 'tool' && message.name === 'look' ? /BK-\d+/.exec(JSON.stringify(message.parts)) : [],
  );
  expect(references.map(String)).toEqual(Array.from({ length: LOOKS }, (_, at) => `BK-${1000 + (at + 1) * 7}`));
  expect(transcript.filter((message) => JSON.stringify(message).includes('[Removed'))).toEqual([]);
  expect((await run.progress()).length).toBe(transcript.length);

  // And in a fork of it too, which goes on among the edits, and reads the originals again by their places.
  next = LOOKS + 1;
  recallOf = 6;
  const fork = await on.stack.client.fork('long', { say: 'And the second one?' });
  expect(await fork.result()).toMatchObject({ outcome: 'completed', output: 'BK-1014' });
  const forked = await fork.transcript();
  expect(forked.slice(0, transcript.length)).toEqual(transcript);
  expect(forked).toHaveLength(transcript.length + 4);
  expect((await fork.progress()).length).toBe(forked.length);

  // One that begins in the middle has what came before it, and no more.
  const { ended } = await run.record();
  const { calls } = await callsOf(on.stack.store, ended?.firstRunId ?? '');
  const half = calls.find(({ turn, record }) => turn === 40 && record.kind === 'model');
  next = LOOKS + 2;
  const middle = await on.stack.client.fork('long', { at: half?.number ?? 0 });
  await middle.result();
  const shared = 2 * 39 + 1;
  expect((await middle.transcript()).slice(0, shared)).toEqual(transcript.slice(0, shared));
  expect(await middle.transcript()).toHaveLength(shared + 1);
}, 120_000);

test('a window that nobody knew: the provider says too long, a summary is made, and the call is made once more', async () => {
  limit = 12_000;
  recallOf = 4;
  const run = await on.stack.client.agent<typeof unaware>('unaware').start('Look at all of them.', { id: 'unknown' });
  expect(await run.result()).toMatchObject({ outcome: 'completed', output: 'BK-1007' });
  expect((await editsOf('unknown')).compactions).toBeGreaterThan(1);
  expect(await run.transcript()).toHaveLength(2 * (LOOKS + 2) + 2);
}, 120_000);

test('where the agent wants its conversation left alone, too long is a failure of its type', async () => {
  limit = 12_000;
  const run = await on.stack.client.agent<typeof fixed>('fixed').start('Look at all of them.', { id: 'fixed' });
  expect(await run.result()).toMatchObject({ outcome: 'failed', failure: { type: 'Model.ContextTooLong' } });
}, 60_000);

test('a message larger than the window fails before any call', async () => {
  const question = Array.from({ length: WINDOW }, (_, at) => `word${at}`).join(' ');
  const run = await on.stack.client.agent<typeof clerk>('clerk').start(question, { id: 'large' });
  const result = await run.result();
  expect(result).toMatchObject({ outcome: 'failed', failure: { type: 'Model.ContextTooLong' } });
  expect(result).toMatchObject({
    failure: { message: expect.stringMatching(/^the user message at position 0 has /) as string },
  });
  expect(seen).toEqual([]);
});
