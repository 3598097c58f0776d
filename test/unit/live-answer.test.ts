// An answer as the terminal shows it while it comes.
import { createLiveAnswer } from '../../client/cli/live-answer';
import type { TextEvent } from '../../activities/stream/port';
import type { Step } from '../../workflows/contract/run';

const event = (text: string, of: Partial<TextEvent> = {}): TextEvent => ({
  ...{ run: 'run_1', turn: 1, attempt: 1, begunAt: 1_000, sequence: text.length, text },
  ...of,
});
const told = (endedAt: number): Step => ({
  ...{ seq: 1, kind: 'model', label: 'asks', state: 'done', startedAt: endedAt - 10, endedAt },
});

test('where lines are only added, pieces follow each other, and a line that was begun is ended once', () => {
  const answer = createLiveAnswer();
  expect([answer.take(event('Hel')), answer.take(event('lo', { sequence: 5 }))]).toEqual(['Hel', 'lo']);
  expect([answer.lineEnd(), answer.lineEnd()]).toEqual(['\n', '']);
  expect(answer.take(event('\n', { sequence: 6 }))).toBe('\n');
  expect(answer.lineEnd()).toBe('');
});

test.each([
  ['another attempt is called so', { attempt: 2 }, 'half\n— attempt 2 —\nwhole'],
  ['another request of the same attempt', { attempt: 1 }, 'half\n— again —\nwhole'],
  ['another turn begins a line, and nothing is replaced', { turn: 2 }, 'half\nwhole'],
])('%s', (_, of, added) => {
  const answer = createLiveAnswer();
  expect(answer.take(event('half')) + answer.take(event('whole', { begunAt: 2_000, ...of }))).toBe(added);
  expect(answer.lines(80)).toEqual(['  whole']);
});

test('where lines change in place, the last ones are shown, as wide as there is room', () => {
  const answer = createLiveAnswer();
  answer.take(event(Array.from({ length: 20 }, (__, at) => `line ${at}`).join('\n')));
  expect(answer.lines(80)).toEqual([14, 15, 16, 17, 18, 19].map((at) => `  line ${at}`));
  const wide = createLiveAnswer();
  wide.take(event('漢字漢字漢字'));
  // Two columns each, beside the indent and the last column.
  expect(wide.lines(8)).toEqual(['  漢字', '  漢字', '  漢字']);
  expect(wide.lines(1)).toEqual([...'漢字漢字漢字'].map((char) => `  ${char}`));
});

test('what its step has told is shown no more, and what comes late of it is not taken', () => {
  const answer = createLiveAnswer();
  answer.take(event('the answer'));
  answer.told(told(1_500));
  expect(answer.lines(80)).toEqual([]);
  expect(answer.take(event(', late', { sequence: 16 }))).toBe('');
  expect(answer.take(event('next', { turn: 2, begunAt: 1_600 }))).toContain('next');
});

test('what would move the cursor or change colours is not written', () => {
  const answer = createLiveAnswer();
  const hostile = 'a\u001b[2Jb\u009b31mc\rd';
  expect(answer.take(event(hostile))).not.toMatch(/[\u001b\u009b\r]/);
  expect(answer.lines(80).join('')).not.toMatch(/[\u001b\u009b\r]/);
});

test('of an answer without end no more is kept than a screen needs', () => {
  const answer = createLiveAnswer();
  for (let nth = 0; nth < 100; nth += 1) answer.take(event('x'.repeat(10_000), { sequence: nth * 10_000 }));
  // Of a million characters the last 8,000, in lines of 79.
  expect(answer.lines(82).map(({ length }) => length)).toEqual([81, 81, 81, 81, 81, 2 + (8_000 % 79)]);
});
