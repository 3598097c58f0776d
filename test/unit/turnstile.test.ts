// Needs: nothing. Places for those who wait: what one key may hold of them, and what it leaves to others.
import { createTurnstile, type Turnstile } from '../../client/api/turnstile';

/** @returns what has entered until it was refused, each to leave again */
function fill(turnstile: Turnstile, name: string | undefined, keys: number): (() => void)[] {
  const inside: (() => void)[] = [];
  try {
    for (let tries = 0; tries < 1_000; tries += 1)
      inside.push(turnstile.enter({ ...(name === undefined ? {} : { name }), keys }));
  } catch (error) {
    expect(error).toMatchObject({ type: 'Api.Busy', headers: { 'retry-after': '5' } });
    return inside;
  }
  throw new Error('nobody is ever refused.');
}

test('a key that is the only one, and whoever needs none, may have all places', () => {
  expect(fill(createTurnstile(100), 'only', 1)).toHaveLength(100);
  expect(fill(createTurnstile(100), undefined, 1)).toHaveLength(100);
});

test('whatever the others hold, each key finds its own places', () => {
  const turnstile = createTurnstile(100);
  // Its own tenth of one half, and the other half.
  expect(fill(turnstile, 'greedy', 5)).toHaveLength(60);
  expect(fill(turnstile, 'greedy too', 5)).toHaveLength(10);
  for (const name of ['c', 'd', 'e']) expect(fill(turnstile, name, 5)).toHaveLength(10);
});

test('what one has left, others are given', () => {
  const turnstile = createTurnstile(100);
  const greedy = fill(turnstile, 'greedy', 2);
  expect(greedy).toHaveLength(75);
  expect(() => turnstile.enter({ name: 'greedy', keys: 2 })).toThrow('75 of the key "greedy" are waiting already');
  expect(fill(turnstile, 'other', 2)).toHaveLength(25);
  for (const leave of greedy.slice(0, 50)) leave();
  expect(fill(turnstile, 'other', 2)).toHaveLength(50);
});

test('of more keys than places none has more than half', () => {
  const turnstile = createTurnstile(10);
  expect(fill(turnstile, 'greedy', 40)).toHaveLength(5);
  expect(fill(turnstile, 'other', 40)).toHaveLength(5);
  expect(fill(turnstile, 'third', 40)).toHaveLength(0);
  // Of its own it would be told that none wait.
  expect(() => turnstile.enter({ name: 'third', keys: 40 })).toThrow('10 are waiting already: come again.');
});

test('work that fails gives its place back', async () => {
  const turnstile = createTurnstile(1);
  const caller = { name: 'only', keys: 1 };
  await expect(turnstile.pass(caller, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(await turnstile.pass(caller, () => Promise.resolve('through'))).toBe('through');
});
