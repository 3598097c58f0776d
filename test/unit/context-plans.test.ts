// Needs: nothing. What is pruned and what is summed up, over any conversation; and that the originals come back from any head.
import fc from 'fast-check';
import { tokenBound } from '../../activities/context/count-tokens';
import {
  coveredBy,
  expand,
  expandEntries,
  isEdited,
  originalPositions,
  visiblePositions,
} from '../../activities/store/original-messages';
import { describeOversized, oversized } from '../../activities/context/hold-window';
import { planCompact } from '../../activities/context/plan-compact';
import { planPrune } from '../../activities/context/plan-prune';
import { tokensOf } from '../../activities/context/hold-window';
import { safeCuts } from '../../activities/context/tool-pairs';
import { fires, needsCounting } from '../../activities/context/triggers';
import { decodeMessage, encodeMessage } from '../../activities/store/message-codec';
import type { ContextPlan, ContextTrigger } from '../../workflows/contract/context';
import type { Message } from '../../workflows/contract/message';
import {
  calls,
  compacted,
  createChains,
  entryOf,
  measured,
  pruned,
  result,
  said,
  step,
  turn,
  user,
} from './context-conversations';

const ALWAYS: ContextTrigger[] = [{ tokens: 0 }];
const prune = (over: Partial<NonNullable<ContextPlan['prune']>> = {}): ContextPlan => ({
  prune: { when: ALWAYS, keepLast: 0, except: [], freeAtLeast: 1, ...over },
});
const compact = (over: Partial<NonNullable<ContextPlan['compact']>> = {}): ContextPlan => ({
  compact: { when: ALWAYS, keepLast: 2, prompt: { version: '1', text: '' }, ...over },
});
const LONG = 'long '.repeat(100);
const prunedAt = (messages: Message[], plan: ContextPlan): number[] =>
  planPrune(measured(messages), plan, tokenBound)?.results.map(({ at }) => at) ?? [];
const bytesOf = (messages: readonly Message[]): string[] =>
  messages.map((one) => Buffer.from(encodeMessage(one)).toString());

describe('fires', () => {
  const size = { tokens: 600, messages: 10 };
  test.each<[ContextTrigger[], number | undefined, boolean]>([
    [[], 1_000, false],
    [[{}], 1_000, false],
    [[{ window: 0.6 }], 1_000, true],
    [[{ window: 0.61 }], 1_000, false],
    [[{ window: 0 }], undefined, false],
    [[{ tokens: 600 }], undefined, true],
    [[{ tokens: 601 }], undefined, false],
    [[{ messages: 10 }], undefined, true],
    [[{ messages: 11 }], undefined, false],
    [[{ window: 0.6, tokens: 600, messages: 10 }], 1_000, true],
    [[{ window: 0.6, tokens: 600, messages: 11 }], 1_000, false],
    [[{ window: 0.6, tokens: 600 }], undefined, false],
    [[{ messages: 11 }, { tokens: 600 }], undefined, true],
  ])('%j of a window of %s: %s', (when, window, expected) => expect(fires(when, size, window)).toBe(expected));

  it('never fires for less than it does not fire for', () => {
    const trigger = fc.record(
      { window: fc.double({ min: 0, max: 1, noNaN: true }), tokens: fc.nat(1_000), messages: fc.nat(100) },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(trigger), fc.nat(1_000), fc.nat(100), fc.nat(1_000), fc.nat(100), (when, ...numbers) => {
        const [tokens, messages, more, others] = numbers;
        const plan: ContextPlan = { window: 500, prune: { when, keepLast: 0, except: [], freeAtLeast: 0 } };
        if (!fires(when, { tokens, messages }, 500)) return;
        expect(needsCounting(plan, { tokens: tokens + more, messages: messages + others })).toBe(true);
      }),
    );
  });
});

describe('planPrune', () => {
  const messages = [user('go'), ...step('a', LONG), ...step('b', LONG), ...step('a', LONG), said('done'), user('more')];

  it('takes every stale result at once, but the last N, and none of the tools that are excepted', () => {
    expect(prunedAt(messages, prune())).toEqual([2, 4, 6]);
    expect(prunedAt(messages, prune({ keepLast: 1 }))).toEqual([2, 4]);
    expect(prunedAt(messages, prune({ keepLast: 9 }))).toEqual([]);
    expect(prunedAt(messages, prune({ except: ['a'] }))).toEqual([4]);
    expect(prunedAt(messages, {})).toEqual([]);
  });

  it('leaves what the model has not read, what is short, and what it has pruned before', () => {
    expect(prunedAt([user('go'), ...step('a', LONG)], prune())).toEqual([]);
    expect(prunedAt([user('go'), ...step('a', 'short'), ...step('b', LONG), said('x')], prune())).toEqual([4]);
    const edit = planPrune(measured(messages), prune({ keepLast: 2 }), tokenBound);
    const once = pruned(messages, edit ?? { results: [], freed: 0 });
    expect(prunedAt(once, prune())).toEqual([4, 6]);
  });

  it('makes no edit that frees too little, and says how much it frees', () => {
    const edit = planPrune(measured(messages), prune(), tokenBound);
    if (!edit) throw new Error('nothing was pruned');
    const tokens = (of: Message[]): number => of.reduce((sum, message) => sum + tokenBound(message), 0);
    expect(edit.freed).toBe(tokens(messages) - tokens(pruned(messages, edit)));
    expect(prunedAt(messages, prune({ freeAtLeast: edit.freed }))).toEqual([2, 4, 6]);
    expect(prunedAt(messages, prune({ freeAtLeast: edit.freed + 1 }))).toEqual([]);
  });

  it('counts instructions and tools among the tokens', () => {
    const plan = prune({ when: [{ tokens: 10_000 }] });
    expect(planPrune(measured(messages, 0), plan, tokenBound)).toBeUndefined();
    expect(planPrune(measured(messages, 10_000), plan, tokenBound)).toBeDefined();
  });

  it('names what was there and how to read it again, by the position of the original', () => {
    const covers = { head: 'a'.repeat(64), from: 1, to: 5, messages: 20 };
    const summary: Message = { ...user('Summary'), from: 'runtime', covers };
    const found = result(0, 'search', `  first\n\nwords ${LONG}`);
    const edit = planPrune(measured([user('go'), summary, calls('search'), found, said('x')]), prune(), tokenBound);
    const [one] = edit?.results ?? [];
    expect(one).toMatchObject({ at: 3, position: 22, original: entryOf(found).hash });
    const { placeholder } = one ?? {};
    expect(placeholder).toMatchObject({
      role: 'tool',
      call: 0,
      name: 'search',
      outcome: 'ok',
      original: one?.original,
    });
    const [part] = placeholder?.parts ?? [];
    expect(part?.type === 'text' && part.text).toMatch(
      /^\[Removed to save space: the result of search \(ok, about 5\d\d tokens\)\. It began: "first words long .{0,80}…"\. Read it again with recall\({"message": 22}\)\.\]$/,
    );
  });
});

describe('planCompact', () => {
  const talk = (count: number): Message[] => Array.from({ length: count }, (_, at) => (at % 2 ? user('q') : said('a')));
  const range = (messages: Message[], plan: ContextPlan, options = {}) => {
    const found = planCompact(measured(messages), plan, options);
    return found && [found.from, found.to];
  };

  it('takes all between the first message and the last N', () => {
    expect(range([user('go'), ...talk(10)], compact({ keepLast: 3 }))).toEqual([1, 8]);
    expect(range([user('go'), ...talk(10)], {})).toBeUndefined();
  });

  it('moves the cut back to keep calls and results together', () => {
    const messages = [user('go'), ...talk(6), calls('a', 'b'), result(0, 'a', 'x'), result(1, 'b', 'y'), said('x')];
    expect([1, 2, 3, 4].map((keepLast) => range(messages, compact({ keepLast }))?.[1])).toEqual([10, 7, 7, 7]);
  });

  it('keeps what the model has not read', () => {
    const messages = [user('go'), ...talk(6), calls('a', 'b'), result(0, 'a', 'x'), result(1, 'b', 'y')];
    expect(range(messages, compact({ keepLast: 0 }))).toEqual([1, 7]);
  });

  it('needs four messages and a tenth of the tokens, neither in summaries', () => {
    expect(range([user('go'), ...talk(5)], compact())).toBeUndefined();
    expect(range([user('go'), ...talk(6)], compact())).toEqual([1, 5]);
    expect(range([user('x'.repeat(5_000)), ...talk(6)], compact())).toBeUndefined();
    const covers = { head: 'a'.repeat(64), from: 1, to: 5, messages: 20 };
    const summary: Message = { ...user('long summary '.repeat(50)), from: 'runtime', covers };
    expect(range([user('go'), summary, ...talk(5)], compact())).toBeUndefined();
    expect(planCompact(measured([user('go'), summary, ...talk(30)]), compact())).toMatchObject({
      from: 1,
      to: 30,
      messages: 48,
      first: 1,
      last: 48,
    });
  });

  it('takes the heavier of two stretches beside a pinned message', () => {
    const heavy = Array.from({ length: 4 }, () => said(LONG));
    expect(range([user('go'), ...talk(6), user('keep', true), ...heavy, ...talk(2)], compact())).toEqual([8, 12]);
    expect(range([user('go'), ...heavy, user('keep', true), ...talk(8)], compact())).toEqual([1, 5]);
  });

  it('takes more when the provider has refused the request', () => {
    const messages = [user('go'), ...talk(10)];
    expect(range(messages, compact({ when: [], keepLast: 10 }))).toBeUndefined();
    expect(range(messages, compact({ when: [], keepLast: 10 }), { force: true })).toEqual([1, 6]);
    // A call and its result at the least.
    expect(range(messages.slice(0, 4), compact({ keepLast: 10 }), { force: true })).toEqual([1, 3]);
    expect(range(messages.slice(0, 3), compact({ keepLast: 10 }), { force: true })).toBeUndefined();
  });
});

describe('oversized', () => {
  it('names the largest message that cannot fit, beside instructions and tools', () => {
    const messages = [user('go'), calls('read'), result(0, 'read', 'x'.repeat(900)), user('y'.repeat(800))];
    expect(oversized(measured(messages, 50), 1_000, true)).toBeUndefined();
    const found = oversized(measured(messages, 200), 1_000, true);
    expect(found).toMatchObject({ role: 'tool', name: 'read', position: 2, window: 1_000, overhead: 200 });
    if (found) {
      expect(describeOversized(found)).toMatch(/^the result of tool read at position 2 has 909 tokens, beside 200 of/);
    }
    // An estimate, by a tenth.
    expect(oversized(measured(messages, 190), 1_000, false)).toBeUndefined();
    expect(oversized(measured(messages, 192), 1_000, false)).toMatchObject({ position: 2 });
    expect(oversized(measured(messages, 200), undefined, true)).toBeUndefined();
    expect(oversized(measured(messages, 1_001), 1_000, true)).toMatchObject({ role: 'instructions' });
  });
});

interface Settings {
  window: number;
  keepResults: number;
  except: string[];
  keepMessages: number;
}

describe('a run that is edited whenever a trigger fires', () => {
  const plan: fc.Arbitrary<Settings> = fc.record({
    window: fc.constantFrom(1_000, 4_000),
    keepResults: fc.nat(3),
    except: fc.constantFrom<string[]>([], ['get_policy']),
    keepMessages: fc.nat(6),
  });
  const toPlan = ({ window, keepResults, except, keepMessages }: Settings): ContextPlan => ({
    window,
    prune: { when: [{ window: 0.5 }], keepLast: keepResults, except, freeAtLeast: window / 20 },
    compact: { when: [{ window: 0.8 }, { messages: 20 }], keepLast: keepMessages, prompt: { version: '1', text: '' } },
  });

  /** As `callModel` and `compactContext` do it, turn after turn. */
  function live(turns: Message[][], settings: ContextPlan) {
    const chains = createChains();
    const originals: Message[] = [];
    const edits: { before: Message[]; after: Message[]; kind: 'prune' | 'compact' }[] = [];
    let messages: Message[] = [];
    for (const added of [[user('first')], ...turns]) {
      originals.push(...added);
      messages = [...messages, ...added];
      chains.save(messages);
      const before = messages;
      const edit = planPrune(measured(before), settings, tokenBound);
      if (edit) {
        messages = pruned(before, edit);
        edits.push({ before, after: messages, kind: 'prune' });
      }
      const range = planCompact(measured(messages), settings);
      if (range) {
        const whole = messages;
        messages = compacted(chains, whole, range);
        edits.push({ before: whole, after: messages, kind: 'compact' });
      }
    }
    return { chains, originals, edits, messages, head: chains.save(messages) };
  }

  const turns = fc.array(turn, { minLength: 1, maxLength: 40 });

  it('gives the originals back byte for byte, with their positions', async () => {
    let edited = 0;
    await fc.assert(
      fc.asyncProperty(turns, plan, async (added, settings) => {
        const { chains, originals, messages, head } = live(added, toPlan(settings));
        const entries = await expand(head, chains);
        expect(bytesOf(entries.map(({ message }) => message))).toEqual(bytesOf(originals));
        expect(entries.map(({ hash }) => hash)).toEqual(originals.map((message) => entryOf(message).hash));
        expect(chains.batches()).toBeLessThanOrEqual(1);
        const positions = originalPositions(messages);
        const visible = visiblePositions(messages);
        messages.forEach((message, at) => {
          const position = positions[at] ?? -1;
          if (visible.has(position)) expect(originals[position]).toEqual(message);
        });
        expect(isEdited(messages)).toBe(visible.size < originals.length);
        if (isEdited(messages)) edited += 1;
      }),
      { numRuns: 150 },
    );
    // Otherwise the property has shown nothing.
    expect(edited).toBeGreaterThan(30);
  });

  it('never parts a result from its call, and never touches the first message or a pinned one', () => {
    fc.assert(
      fc.property(turns, plan, (added, settings) => {
        const { edits, originals, messages } = live(added, toPlan(settings));
        for (const { after } of edits) {
          after.forEach((message, at) => {
            if (message.role !== 'tool') return;
            const asked = after.slice(0, at).findLast(({ role }) => role === 'assistant');
            const names = asked?.parts.flatMap((part) => (part.type === 'tool-call' ? [part.name] : [])) ?? [];
            expect(names[message.call]).toBe(message.name);
          });
          after.forEach((message, at) => {
            if (message.role !== 'assistant') return;
            const asked = message.parts.filter(({ type }) => type === 'tool-call').length;
            const answered = after.slice(at + 1, at + 1 + asked).filter(({ role }) => role === 'tool').length;
            expect(answered).toBe(asked);
          });
        }
        const pinned = (of: Message[]) => of.filter((message) => message.role === 'user' && message.pinned);
        expect(pinned(messages)).toEqual(pinned(originals));
        expect(messages[0]).toEqual(originals[0]);
      }),
      { numRuns: 150 },
    );
  });

  it('keeps the prefix up to the first thing edited, and what the model has not read', () => {
    fc.assert(
      fc.property(turns, plan, (added, settings) => {
        for (const { before, after, kind } of live(added, toPlan(settings)).edits) {
          const same = after.findIndex((message, at) => message !== before[at]);
          expect(same).toBeGreaterThan(0);
          const changed = after[same];
          if (kind === 'compact') expect(changed && coveredBy(changed)?.from).toBe(same);
          else expect(changed?.role === 'tool' && changed.original).toBe(entryOf(before[same] ?? user('')).hash);
          const unread = before.length - 1 - before.findLastIndex(({ role }) => role === 'assistant');
          expect(after.slice(after.length - unread)).toEqual(before.slice(before.length - unread));
        }
      }),
      { numRuns: 150 },
    );
  });

  it('is not edited again by the next message', () => {
    // One call at a time and nothing pinned: otherwise more than a few messages become stale, or another stretch is due, by right.
    const calm: fc.Arbitrary<Message[]> = fc.oneof(
      fc.constantFrom<Message[][]>([user('q')], [user(LONG)], [said('a')], [said(LONG)]),
      fc.constantFrom('short', LONG, LONG.repeat(3)).map((text) => step('search', text)),
    );
    const seen = { prune: 0, compact: 0 };
    fc.assert(
      fc.property(fc.array(calm, { minLength: 1, maxLength: 60 }), plan, (added, settings) => {
        const resolved = toPlan(settings);
        for (const { after, kind } of live(added, resolved).edits) {
          const unread = after.length - 1 - after.findLastIndex(({ role }) => role === 'assistant');
          const results = after.slice(after.length - unread).filter(({ role }) => role === 'tool').length;
          if (unread > 1 || (kind === 'prune' && results > 0)) continue;
          const next = measured([...after, said('x'), user('y')]);
          // A window that it would not fit into is held whatever was done before.
          if (tokensOf(next) > (resolved.window ?? Infinity)) continue;
          seen[kind] += 1;
          if (kind === 'prune') expect(planPrune(next, resolved, tokenBound)).toBeUndefined();
          else expect(planCompact(next, resolved)).toBeUndefined();
        }
      }),
      { numRuns: 400 },
    );
    // Some fifty of each, by chance: that there were any is what must hold.
    expect(seen.prune).toBeGreaterThan(0);
    expect(seen.compact).toBeGreaterThan(0);
  });
});

describe('safeCuts', () => {
  it('allows every cut but those between an answer and its results', () => {
    const messages = [user('go'), calls('a', 'b'), result(0, 'a', 'x'), result(1, 'b', 'y'), said('done')];
    expect(safeCuts(messages)).toEqual([true, true, false, false, true, true]);
  });
});

describe('expand', () => {
  it('refuses a summary that covers other than it says', async () => {
    const chains = createChains();
    const head = chains.save([user('a'), said('b'), user('c')]);
    const summary = (to: number, messages: number): Message => ({
      ...user('s'),
      covers: { head, from: 1, to, messages },
    });
    const expanded = (message: Message) => expandEntries([entryOf(message)], chains);
    await expect(expanded(summary(3, 2))).resolves.toHaveLength(2);
    await expect(expanded(summary(3, 3))).rejects.toMatchObject({ type: 'Store.ObjectCorrupt' });
    await expect(expanded(summary(9, 2))).rejects.toMatchObject({ type: 'Store.ObjectCorrupt' });
  });
});

it('stores and reads what edits leave behind', () => {
  const covers = { head: 'a'.repeat(64), from: 1, to: 5, messages: 20 };
  const messages: Message[] = [
    { ...user('s'), from: 'runtime', covers },
    user('p', true),
    { ...result(0, 'a', 'x'), original: 'b'.repeat(64) },
  ];
  for (const message of messages) expect(decodeMessage(encodeMessage(message))).toEqual(message);
  const wrong = { ...user('s'), covers: { ...covers, to: 1 } };
  expect(() => decodeMessage(encodeMessage(wrong))).toThrow(/an empty range/);
});
