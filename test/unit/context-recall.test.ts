// Needs: nothing. What `recall` gives back, how it pages and what it says to a wrong question; the transcript and the summary.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { z } from 'zod';
import { RECALL_CHARS, recall, recallManifest } from '../../activities/context/recall';
import { SUMMARY_PROMPT, renderRange, summaryMessage, summaryRequest } from '../../activities/context/summary-prompt';
import { ToolRejection } from '../../activities/define/tool';
import type { Message } from '../../workflows/contract/message';
import { calls, result, said, user } from './context-conversations';

const file = { sha256: 'a'.repeat(64), mediaType: 'application/pdf', bytes: 1_000, name: 'ticket.pdf' };
const originals: Message[] = [
  user('Please cancel NO6JO3.'),
  calls('get_reservation'),
  result(0, 'get_reservation', '{"id":"NO6JO3","price":"$1,250.00"}'),
  {
    role: 'assistant',
    parts: [
      { type: 'reasoning', text: 'secret thoughts' },
      { type: 'text', text: 'Done.' },
    ],
  },
  { role: 'user', parts: [{ type: 'file', file }], from: 'runtime' },
];
const none: ReadonlySet<number> = new Set();

describe('recall of messages', () => {
  it('gives one back word for word, with who said it', () => {
    expect(recall({ message: 2 }, originals, none)).toBe(
      '--- message 2, tool get_reservation, result of call 0 (ok) ---\n{"id":"NO6JO3","price":"$1,250.00"}',
    );
  });

  it('gives a range back, both ends included, and says what is still in the conversation', () => {
    expect(recall({ from: 0, to: 1 }, originals, new Set([1]))).toBe(
      '--- message 0, user ---\nPlease cancel NO6JO3.\n\n' +
        '--- message 1, assistant, still in the conversation ---\n[call 0: get_reservation({"of":0})]',
    );
  });

  it('leaves reasoning out, and names files as tools take them', () => {
    expect(recall({ message: 3 }, originals, none)).toBe('--- message 3, assistant ---\nDone.');
    expect(recall({ message: 4 }, originals, none)).toBe(
      '--- message 4, user (written by the runtime) ---\n' +
        `[file {"bytes":1000,"mediaType":"application/pdf","name":"ticket.pdf","sha256":"${file.sha256}"}]`,
    );
  });

  it('gives every character of a long one over its pages, and splits none', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
        fc.integer({ min: 30_000, max: 100_000 }),
        (word, least) => {
          const text = word.repeat(Math.ceil(least / word.length));
          const whole = `--- message 0, user ---\n${text}`;
          let got = '';
          for (let offset = 0; offset < whole.length;) {
            const reply = recall({ message: 0, offset }, [user(text)], none);
            expect(reply.length).toBeLessThanOrEqual(RECALL_CHARS);
            if (offset === 0 && whole.length <= RECALL_CHARS) {
              got = reply;
              break;
            }
            const [, shown = '', from, to, rest = ''] =
              /^([^]*)\n\[characters (\d+) to (\d+) of \d+(.*)\]$/u.exec(reply) ?? [];
            expect(shown.isWellFormed()).toBe(text.isWellFormed());
            expect(Number(from)).toBe(offset);
            got += shown;
            offset = Number(to);
            if (offset < whole.length) expect(rest).toContain(`recall({"message":0,"offset":${offset}})`);
            else expect(rest).toBe(', the end');
          }
          expect(got).toBe(whole);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('keeps within its limit when a search repeats characters that JSON writes long', () => {
    const search = '\u0001'.repeat(200);
    const many = Array.from({ length: 400 }, () => user(`${search} ${'x'.repeat(300)}`));
    const reply = recall({ search }, many, none);
    expect(reply.length).toBeLessThanOrEqual(RECALL_CHARS);
    expect(reply).toMatch(/read on with recall\(\{"search":".*","offset":\d+\}\)\]$/);
  });
});

describe('recall by search', () => {
  it('finds messages in upper and lower case, with their positions and what stands around', () => {
    const reply = recall({ search: 'no6jo3' }, originals, none);
    expect(reply).toContain('2 messages contain "no6jo3"');
    expect(reply).toContain('--- message 0, user ---\nPlease cancel NO6JO3.');
    expect(reply).toContain('--- message 2, tool get_reservation');
  });

  it('takes the text as it is, not as a pattern', () => {
    expect(recall({ search: '$1,250.00' }, originals, none)).toContain('1 message contains');
    expect(recall({ search: '.*' }, originals, none)).toContain('No message contains ".*"');
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }), (search) => {
        fc.pre(search.trim() !== '');
        expect(recall({ search }, [user(`before ${search} after`)], none)).toContain('--- message 0, user ---');
      }),
    );
  });

  it('shows the places in a long message, three at most', () => {
    const far = '-'.repeat(400);
    const reply = recall({ search: 'found' }, [user(['', '', '', '', ''].join(`${far}found${far}`))], none);
    expect(reply.match(/…-{120}found-{120}…/g)).toHaveLength(3);
    expect(reply).toContain('(4 places in this message)');
  });

  it('finds neither its own questions nor its own answers', () => {
    const asked: Message = {
      role: 'assistant',
      parts: [{ type: 'tool-call', call: 0, name: 'recall', arguments: { search: 'zebra' } }],
    };
    const messages = [asked, result(0, 'recall', 'zebra'), said('no animal')];
    expect(recall({ search: 'zebra' }, messages, none)).toContain('No message contains "zebra"');
  });
});

describe('a wrong question', () => {
  test.each<[unknown, RegExp]>([
    [{}, /one question at a time\. Give exactly one of: \{"message": 17\}/],
    [{ message: 1, search: 'x' }, /one question at a time/],
    [{ from: 1 }, /both ends/],
    [{ to: 1 }, /both ends/],
    [{ from: 3, to: 1 }, /the smaller one comes first/],
    [{ message: 5 }, /positions go from 0 to 4/],
    [{ from: 0, to: 99 }, /positions go from 0 to 4/],
    [{ message: -1 }, /recall: message .*Give exactly one of/],
    [{ message: '1' }, /recall: message /],
    [{ search: '  ' }, /is empty/],
    [{ position: 1 }, /position/],
    [{ message: 0, offset: 9_999 }, /behind its end/],
    ['17', /recall: /],
  ])('%j is answered with how to ask', (args, expected) => {
    const ask = () => recall(args, originals, none);
    expect(ask).toThrow(ToolRejection);
    expect(ask).toThrow(expected);
  });
});

it('is offered as a schema without a requirement, in words for a model', () => {
  expect(recallManifest.input).toMatchObject({
    type: 'object',
    additionalProperties: false,
    properties: { message: { type: 'integer' }, search: { type: 'string' }, offset: { type: 'integer' } },
  });
  expect(recallManifest.input).not.toHaveProperty('required');
  expect(z.fromJSONSchema(recallManifest.input).safeParse({ from: 1, to: 2 }).success).toBe(true);
});

describe('the transcript of a range', () => {
  const covers = { head: 'a'.repeat(64), from: 1, to: 5, messages: 20 };

  it('names positions, speakers and earlier summaries', () => {
    const summary = summaryMessage('Earlier.', covers, 1);
    const text = renderRange([summary, calls('get'), result(0, 'get', 'found')], 1);
    expect(text).toMatch(/^--- messages 1 to 20, an earlier summary of them ---\n\[Summary of messages 1 to 20/);
    expect(text).toContain('--- message 21, assistant ---\n[call 0: get({"of":0})]');
    expect(text).toContain('--- message 22, tool get, result of call 0 (ok) ---\nfound');
    expect(summaryRequest(text).parts[0]).toMatchObject({ type: 'text', text: expect.stringContaining(text) });
  });

  it('keeps to a budget by the middle of the longest messages, and leaves the short ones whole', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('x', '👍', 'ab '), fc.nat(3_000)), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 100, max: 20_000 }),
        (texts, budget) => {
          const messages = texts.map(([word, times]) => user(word.repeat(times)));
          const rendered = renderRange(messages, 0, budget);
          const headlines = messages.length * 100;
          expect(rendered.length).toBeLessThanOrEqual(budget + headlines);
          expect(rendered.isWellFormed()).toBe(true);
          const whole = renderRange(messages, 0);
          expect(rendered === whole).toBe(texts.reduce((sum, [word, times]) => sum + word.length * times, 0) <= budget);
        },
      ),
    );
    const text = renderRange([user('short'), user(`begin ${'x'.repeat(9_000)} end`)], 0, 1_000);
    expect(text).toContain('--- message 0, user ---\nshort\n');
    expect(text).toMatch(/begin x+\n\[… \d+ characters left out here …\]\nx+ end$/);
  });

  it('leaves a summary that names what it covers and how to read it', () => {
    expect(summaryMessage('  Goal: a flight.\n', { ...covers, messages: 56 }, 3)).toEqual({
      role: 'user',
      from: 'runtime',
      covers: { ...covers, messages: 56 },
      parts: [
        {
          type: 'text',
          text:
            '[Summary of messages 3 to 58 of this conversation, which were removed to save space. ' +
            'Their exact words: recall({"from": 3, "to": 58}), one of them by recall({"message": n}), ' +
            'or recall({"search": "text"}).]\n\nGoal: a flight.',
        },
      ],
    });
  });

  it('has a prompt whose text changes with its version alone', () => {
    const hash = createHash('sha256').update(SUMMARY_PROMPT.text).digest('hex').slice(0, 16);
    expect(`${SUMMARY_PROMPT.version} ${hash}`).toMatchInlineSnapshot(`"2026-11-24.1 66c9fb0a6cd985a1"`);
  });
});
