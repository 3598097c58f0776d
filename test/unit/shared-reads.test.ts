// Needs: nothing. What open pages look at again is read once for all of them; whoever opens a page is told what is so now.
import { createSharedReads } from '../../client/dashboard/shared-reads';

/** Counts what is read, and answers when it is told to. */
function counted() {
  const answers: ((text: string) => void)[] = [];
  const refusals: ((error: Error) => void)[] = [];
  const read = (): Promise<string> =>
    new Promise((resolve, reject) => {
      answers.push(resolve);
      refusals.push(reject);
    });
  return { read, answers, refusals };
}

test('those who look again share what is being read, and what was read a moment ago', async () => {
  const shared = createSharedReads();
  const { read, answers } = counted();
  const look = (key = 'a'): Promise<string> => shared.read({ key, isAgain: true, ageMs: 60_000 }, read);
  const both = Promise.all([look(), look()]);
  expect(answers).toHaveLength(1);
  answers[0]?.('one');
  expect(await both).toEqual(['one', 'one']);
  expect(await look()).toBe('one');
  const other = look('b');
  expect(answers).toHaveLength(2);
  answers[1]?.('of b');
  expect(await other).toBe('of b');
});

test('whoever opens a page has it read, and those who look again are told that', async () => {
  const shared = createSharedReads();
  const { read, answers } = counted();
  const look = (isAgain: boolean): Promise<string> => shared.read({ key: 'a', isAgain, ageMs: 60_000 }, read);
  const first = look(true);
  const opened = look(false);
  expect(answers).toHaveLength(2);
  answers[1]?.('new');
  expect(await opened).toBe('new');
  // What was asked before that and comes after it does not take its place.
  answers[0]?.('old');
  expect(await first).toBe('old');
  expect(await look(true)).toBe('new');
});

test('after an act, and after an error, it is read anew', async () => {
  const shared = createSharedReads();
  const { read, answers, refusals } = counted();
  const look = (): Promise<string> => shared.read({ key: 'a', isAgain: true, ageMs: 60_000 }, read);
  const first = look();
  shared.forget();
  const second = look();
  expect(answers).toHaveLength(2);
  answers[0]?.('before');
  refusals[1]?.(new Error('no'));
  expect(await first).toBe('before');
  await expect(second).rejects.toThrow('no');
  const third = look();
  expect(answers).toHaveLength(3);
  answers[2]?.('after');
  expect(await third).toBe('after');
});

test('what is older than it may be is read anew', async () => {
  jest.useFakeTimers();
  try {
    const shared = createSharedReads(() => Date.now());
    const { read, answers } = counted();
    const look = (): Promise<string> => shared.read({ key: 'a', isAgain: true, ageMs: 1_000 }, read);
    const first = look();
    answers[0]?.('one');
    await first;
    jest.advanceTimersByTime(900);
    expect(await look()).toBe('one');
    jest.advanceTimersByTime(200);
    const later = look();
    expect(answers).toHaveLength(2);
    answers[1]?.('two');
    expect(await later).toBe('two');
  } finally {
    jest.useRealTimers();
  }
});
