// Needs: nothing. A known window is held: whole runs without a server, and plans over any conversation, pinned messages among them.
import fc from 'fast-check';
import { z } from 'zod';
import { tokenBound, tokenCounter } from '../../activities/context/count-tokens';
import { describeOver, oversized } from '../../activities/context/hold-window';
import { measureAll, type Measured } from '../../activities/context/measure';
import { planCompact } from '../../activities/context/plan-compact';
import { planPrune } from '../../activities/context/plan-prune';
import { recall } from '../../activities/context/recall';
import { summaryWithin, transcriptWithin } from '../../activities/context/summary-prompt';
import { defineAgent, defineTool, type ContextOptions } from '../../activities/define';
import type { ModelRequest } from '../../activities/model/provider';
import { expand, visiblePositions } from '../../activities/store/original-messages';
import type { ContextPlan } from '../../workflows/contract/context';
import type { Message } from '../../workflows/contract/message';
import { testAgent } from '../kit';
import { calls, createChains, measured, pruned, result, said, step, turn, user } from './context-conversations';

const counter = tokenCounter('gpt-4');
const words = (tokens: number): string => ' word'.repeat(tokens);

/** As `callModel` counts it, from what the provider was given. */
const tokensOf = ({
  messages,
  instructions,
  tools,
}: Pick<ModelRequest, 'messages' | 'instructions' | 'tools'>): number => {
  const { entries, overhead } = measureAll(
    messages.map((message) => ({ message, hash: '' })),
    { frame: { instructions, tools }, counter },
  );
  return entries.reduce((sum, { tokens }) => sum + tokens, overhead);
};
const isSummary = ({ instructions }: Pick<ModelRequest, 'instructions'>): boolean =>
  instructions.startsWith('You condense');

const look = defineTool({
  name: 'look',
  description: 'Looks something up.',
  input: z.object({ size: z.number() }),
  output: z.object({ found: z.string() }),
  effect: 'read',
  run: ({ size }) => ({ found: words(size) }),
});

/** An agent that looks so many times, with results of so many tokens each, and then answers. */
async function looks(
  sizes: readonly number[],
  {
    context,
    model = 'gpt-4',
    summary = 'What was found.',
  }: { context?: false | ContextOptions; model?: string; summary?: string },
) {
  const agent = defineAgent({
    name: 'looker',
    instructions: 'Look things up.',
    model,
    tools: [look],
    limits: { turns: 100 },
    loops: false,
    ...(context === undefined ? {} : { context }),
  });
  let next = 0;
  const tested = testAgent(agent, {
    model: (request) => {
      if (isSummary(request)) return { text: summary };
      const size = sizes[next++];
      return size === undefined ? { text: 'done' } : { calls: [{ name: 'look', args: { size } }] };
    },
  });
  const run = await tested.start('Look at all of them.');
  const ended = await run.result();
  const requests = run.calls.flatMap((call) => (call.kind === 'model' ? [call] : []));
  return {
    ended,
    requests,
    summaries: requests.filter(isSummary).length,
    most: Math.max(...requests.map(tokensOf)),
    transcript: await run.transcript(),
  };
}
const many = Array.from({ length: 40 }, () => 600);

describe('a run', () => {
  test('whose plan keeps more than the window holds is summed up, and keeps less', async () => {
    const { ended, most, summaries, transcript, requests } = await looks(many, {
      context: {
        window: 8_000,
        prune: false,
        compact: { keepLast: 500, when: { window: 0.8 } },
      },
    });
    expect(ended.outcome).toBe('completed');
    expect(most).toBeLessThanOrEqual(8_000);
    expect(summaries).toBeGreaterThan(1);
    // Of what is kept a half goes at a time: a summary at each call would be the price of keeping as much as possible.
    expect(summaries).toBeLessThan(requests.length / 5);
    expect(transcript).toHaveLength(2 * many.length + 2);
  });

  test('whose triggers come too late is summed up before its window is full', async () => {
    const late: ContextOptions = { window: 8_000, prune: false, compact: { when: { messages: 1_000 } } };
    const { ended, most } = await looks(many, { context: late });
    expect(ended.outcome).toBe('completed');
    expect(most).toBeLessThanOrEqual(8_000);
  });

  test('that sums nothing up leaves out more results than it would keep', async () => {
    const { ended, most, summaries } = await looks(many.slice(0, 20), {
      context: { window: 8_000, prune: { keepLast: 100, when: { messages: 1_000 } }, compact: false },
    });
    expect(ended.outcome).toBe('completed');
    expect(summaries).toBe(0);
    expect(most).toBeLessThanOrEqual(8_000);
  });

  test.each<[string, string, false | ContextOptions]>([
    ['left alone, of a model that is known', 'gpt-4', false],
    ['that is not edited, with a declared window', 'gpt-4', { window: 8_192, prune: false, compact: false }],
  ])('%s, fails before a call that its window cannot take', async (_, model, context) => {
    const { ended, most } = await looks(many, { context, model });
    expect(ended).toMatchObject({ outcome: 'failed', failure: { type: 'Model.ContextTooLong' } });
    expect(ended).toMatchObject({
      failure: {
        message: expect.stringMatching(/^the request has 8,\d\d\d tokens; the model reads 8,192\.$/),
      },
    });
    expect(most).toBeLessThanOrEqual(8_192);
    expect(most).toBeGreaterThan(7_000);
  });

  test('of a model that is not known is held by a declared window alone, and by a tenth more than that', async () => {
    const none = { prune: false, compact: false } as const;
    const undeclared = await looks(many, { context: none, model: 'someone-elses' });
    expect(undeclared.ended.outcome).toBe('completed');
    const declared = await looks(many, { context: { ...none, window: 8_000 }, model: 'someone-elses' });
    expect(declared.ended).toMatchObject({ failure: { type: 'Model.ContextTooLong' } });
    expect(declared.most).toBeGreaterThan(8_000);
    expect(declared.most).toBeLessThanOrEqual(8_800);
  });

  test('whose summaries say too much is cut in their middle, and goes on', async () => {
    const { ended, most, summaries } = await looks(many, {
      context: { window: 8_000, prune: false, compact: {} },
      summary: `begin ${words(9_000)} end`,
    });
    expect(ended.outcome).toBe('completed');
    expect(summaries).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(8_000);
  });

  test('of any results is held to its window, by every request, or too long', async () => {
    const size = fc.oneof(fc.integer({ min: 1, max: 700 }), fc.integer({ min: 700, max: 2_600 }));
    const seen = { completed: 0, tooLong: 0, summaries: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(size, { minLength: 1, maxLength: 25 }),
        fc.integer({ min: 1_000, max: 5_000 }),
        fc.constantFrom<ContextOptions>(
          {},
          { prune: false, compact: { keepLast: 300 } },
          { prune: false, compact: { when: { messages: 1_000 } } },
          { prune: { when: { tokens: 100_000 }, keepLast: 50 }, compact: false },
        ),
        fc.integer({ min: 1, max: 3_000 }),
        async (sizes, window, options, said) => {
          const { ended, most, summaries, transcript } = await looks(sizes, {
            context: { ...options, window },
            summary: words(said),
          });
          expect(most).toBeLessThanOrEqual(window);
          seen.summaries += summaries;
          if (ended.outcome === 'completed') {
            seen.completed += 1;
            const results = transcript.filter(({ role }) => role === 'tool').map(({ parts }) => parts);
            expect(results).toEqual(
              sizes.map((one) => [{ type: 'text', text: JSON.stringify({ found: words(one) }) }]),
            );
          } else {
            seen.tooLong += 1;
            expect(ended).toMatchObject({ failure: { type: 'Model.ContextTooLong' } });
          }
        },
      ),
      { numRuns: 60 },
    );
    expect(Math.min(seen.completed, seen.tooLong, seen.summaries)).toBeGreaterThan(5);
  }, 60_000);
});

describe('plans', () => {
  const FRAME = { overhead: 20, joins: 100 };
  const sized = (messages: readonly Message[], joined: boolean): Measured => ({
    ...measured(messages, FRAME.overhead + (joined ? FRAME.joins : 0)),
    ...(joined ? {} : { joins: FRAME.joins }),
  });
  const sum = ({ entries, overhead }: Measured): number => entries.reduce((all, { tokens }) => all + tokens, overhead);
  const isPinned = (message: Message): boolean => message.role === 'user' && message.pinned === true;

  /** Turn after turn as `callModel` and `compactContext` do it, with bytes for tokens. @returns what was asked, until it was too long */
  function live(turns: readonly Message[][], plan: ContextPlan) {
    const chains = createChains();
    const originals: Message[] = [];
    const asked: Message[][] = [];
    let messages: Message[] = [];
    let isEdited = false;
    let isTooLong = false;
    for (const added of [[user('first')], ...turns]) {
      originals.push(...added);
      messages = [...messages, ...added];
      chains.save(messages);
      const edit = planPrune(sized(messages, isEdited), plan, tokenBound);
      if (edit) [messages, isEdited] = [pruned(messages, edit), true];
      const range = planCompact(sized(messages, isEdited), plan);
      if (range) {
        const { from, to, first, room = Infinity } = range;
        const covers = { head: chains.save(messages), from, to, messages: range.messages };
        const summary = summaryWithin('What was said. '.repeat(40), covers, { first, room, count: tokenBound });
        messages = [...messages.slice(0, from), summary, ...messages.slice(to)];
        isEdited = true;
      }
      const size = sized(messages, isEdited);
      isTooLong =
        oversized(size, plan.window, true) !== undefined ||
        describeOver(size, plan, { isExact: true, isCompacted: range !== undefined }) !== undefined;
      if (isTooLong) {
        // What was paid for is not in vain.
        if (range) expect(oversized(size, plan.window, true)).toBeDefined();
        break;
      }
      expect(sum(size)).toBeLessThanOrEqual(plan.window ?? 0);
      asked.push(messages);
    }
    return { chains, originals, asked, messages, head: chains.save(messages), isTooLong };
  }

  const plans: fc.Arbitrary<ContextPlan> = fc
    .record({
      window: fc.constantFrom(4_000, 12_000, 30_000),
      keepLast: fc.constantFrom(1, 10, 500),
      keepResults: fc.constantFrom(0, 5, 500),
      share: fc.constantFrom(0.5, 0.8, 1),
    })
    .map(({ window, keepLast, keepResults, share }) => ({
      window,
      prune: { when: [{ window: share }], keepLast: keepResults, except: ['get_policy'], freeAtLeast: window },
      compact: { when: [{ window: share }], keepLast, prompt: { version: '1', text: '' } },
    }));

  it('hold the window, keep calls with results and what is pinned, and everything is read again by its place', async () => {
    const seen = { tooLong: 0, edited: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { minLength: 1, maxLength: 40 }), plans, async (turns, plan) => {
        const { chains, originals, asked, messages, head, isTooLong } = live(turns, plan);
        if (isTooLong) seen.tooLong += 1;
        for (const request of asked) {
          request.forEach((message, at) => {
            const names = message.parts.flatMap((part) => (part.type === 'tool-call' ? [part.name] : []));
            const answers = request.slice(at + 1, at + 1 + names.length);
            if (message.role === 'assistant')
              expect(answers.map((answer) => answer.role === 'tool' && answer.name)).toEqual(names);
          });
          expect(request[0]).toEqual(originals[0]);
        }
        expect(messages.filter(isPinned)).toEqual(originals.filter(isPinned));
        const expanded = (await expand(head, chains)).map(({ message }) => message);
        expect(expanded).toEqual(originals);
        const visible = visiblePositions(messages);
        if (visible.size < originals.length) seen.edited += 1;
        originals.forEach((original, message) => {
          if (visible.has(message)) return;
          expect(recall({ message }, expanded, visible)).toBe(recall({ message }, originals, visible));
          for (const part of original.parts)
            if (part.type === 'text') expect(recall({ message }, expanded, visible)).toContain(part.text);
        });
      }),
      { numRuns: 150 },
    );
    expect(seen.edited).toBeGreaterThan(15);
    expect(seen.tooLong).toBeGreaterThan(5);
  });

  const held = (over: Partial<NonNullable<ContextPlan['compact']>> = {}, window = 1_000): ContextPlan => ({
    window,
    compact: { when: [{ messages: 1_000 }], keepLast: 100, prompt: { version: '1', text: '' }, ...over },
  });
  const rangeOf = (messages: Message[], plan: ContextPlan, options = {}) => {
    const found = planCompact(measured(messages, 20), plan, options);
    return found && [found.from, found.to];
  };

  it('takes what is enough, be it a call and its result', () => {
    const big = step('read', 'x'.repeat(600));
    expect(rangeOf([user('go'), ...big, said('and'), user('y'.repeat(400))], held())).toEqual([1, 3]);
    expect(rangeOf([user('go'), ...big, ...step('read', 'y'.repeat(400))], held())).toEqual([1, 3]);
    // Not above the window: nothing is due.
    expect(rangeOf([user('go'), ...big, user('y'.repeat(100))], held())).toBeUndefined();
  });

  it('asks for no summary that would not be enough', () => {
    const late = [user('go'), ...step('read', 'x'.repeat(300)), said('and'), user('y'.repeat(900))];
    expect(rangeOf(late, held({ when: [{ messages: 1 }] }))).toBeUndefined();
    const kept = [user('go'), user('x'.repeat(800), true), ...step('read', 'x'.repeat(300)), said('and'), user('y')];
    expect(rangeOf(kept, held())).toBeUndefined();
  });

  it('tries for the window, and where the count is an estimate a tenth more is left to the provider', () => {
    const messages = [user('x'.repeat(300)), ...step('read', 'x'.repeat(400)), said('and'), user('y'.repeat(400))];
    expect(rangeOf(messages, held())).toBeUndefined();
    expect(rangeOf(messages, held(), { isExact: false })).toEqual([1, 3]);
    const size = measured([user('x'.repeat(1_000))], 20);
    const plan = held();
    expect(describeOver(size, plan, { isExact: true, isCompacted: false })).toMatch(
      /^the request has 1,024 tokens, and no summary/,
    );
    expect(describeOver(size, plan, { isExact: false, isCompacted: false })).toBeUndefined();
  });

  it('refuses no request for its images and files, whose tokens are estimates', () => {
    const file = { sha256: 'a'.repeat(64), mediaType: 'application/pdf', bytes: 90_000_000 };
    const of = measureAll([{ message: { role: 'user', parts: [{ type: 'file', file }] }, hash: '' }], {
      frame: { instructions: '', tools: [] },
      counter,
    });
    expect(describeOver(of, held(), { isExact: true, isCompacted: false })).toBeUndefined();
    expect(oversized(of, 1_000, true)).toBeUndefined();
  });

  it('gives the summariser no more than its window, were it headlines alone', () => {
    const { countText } = counter;
    const short = Array.from({ length: 2_000 }, (_, at) => (at % 2 ? user('ok') : said('yes')));
    const long = [user('go'), calls('read'), result(0, 'read', words(20_000)), said(words(9_000)), user('kept whole')];
    for (const messages of [short, long]) {
      const text = transcriptWithin(messages, 1, { most: 5_000, countText });
      expect(countText(text)).toBeLessThanOrEqual(5_000);
      expect(countText(text)).toBeGreaterThan(3_500);
    }
    expect(transcriptWithin(long, 1, { most: 5_000, countText })).toContain('kept whole');
    expect(transcriptWithin(long, 1, { most: 50_000, countText })).not.toContain('left out');
  });
});
