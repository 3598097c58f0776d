// In which turn of the microtasks a layer around a call comes: old histories hold the order of commands that follows from it.
import { followedBy } from '../../workflows/core/followed-by';

/** What happened in which turn, for `work` that is settled when the layer is laid around it. */
async function turnsOf(layer: typeof followedBy, work: () => Promise<string>): Promise<string[]> {
  const seen: string[] = [];
  let turn = 0;
  const note = (what: string): number => seen.push(`${turn}: ${what}`);
  const settled = work();
  layer(settled, () => note('after')).then(note, (error: unknown) => note(String(error)));
  for (turn = 1; turn < 8; turn += 1) await Promise.resolve();
  return seen;
}

/** What `followedBy` stands for. */
async function inAsyncFunction<T>(work: Promise<T>, after: () => void): Promise<T> {
  try {
    return await work;
  } finally {
    after();
  }
}

test.each([
  ['is done', () => Promise.resolve('done'), ['1: after', '2: done']],
  ['fails', () => Promise.reject(new Error('no')), ['1: after', '2: Error: no']],
] as const)(
  'what follows work that %s comes one turn after it, and its own follower another',
  async (_, work, turns) => {
    expect(await turnsOf(followedBy, work)).toEqual(turns);
    expect(await turnsOf(inAsyncFunction, work)).toEqual(turns);
    // The order is one that can be lost.
    expect(await turnsOf((settled, after) => settled.finally(after), work)).not.toEqual(turns);
  },
);

test('what follows and fails is the failure', async () => {
  const after = (): never => {
    throw new Error('after');
  };
  await expect(followedBy(Promise.resolve('done'), after)).rejects.toThrow('after');
  await expect(followedBy(Promise.reject(new Error('work')), after)).rejects.toThrow('after');
});
