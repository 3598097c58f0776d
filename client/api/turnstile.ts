// So many at once and no more, and never all of them of one key: whoever comes then is told to come again, and costs nothing.
import type { Caller } from './caller';
import { Problem } from './problem';

type Comer = Pick<Caller, 'name' | 'keys'>;

export interface Turnstile {
  /** @throws Problem `Api.Busy` */
  pass<T>(comer: Comer, work: () => Promise<T>): Promise<T>;
  /** @returns what leaves it again @throws Problem `Api.Busy` */
  enter(comer: Comer): () => void;
}

/** Half of the places are the keys' own, as many for each; the other half is whoever's comes first. A key that is the only one has all. */
export function createTurnstile(most: number): Turnstile {
  const inside = new Map<string, number>();
  const hasRoom = (own: number, keys: number): boolean => {
    const all = [...inside.values()];
    if (sumOf(all) >= most) return false;
    const kept = Math.floor(most / 2 / keys);
    if (own < kept) return true;
    const beyond = sumOf(all.map((held) => Math.max(0, held - kept)));
    // More keys than there are places to keep: then one of them has half at most.
    return beyond < most - kept * keys && (keys === 1 || own < kept + most / 2);
  };
  const enter: Turnstile['enter'] = ({ name = '', keys }) => {
    const own = inside.get(name) ?? 0;
    if (!hasRoom(own, keys)) {
      const all = sumOf([...inside.values()]);
      const who = all >= most || name === '' ? String(all) : `${own} of the key "${name}"`;
      throw new Problem('Api.Busy', `${who} are waiting already: come again.`, { headers: { 'retry-after': '5' } });
    }
    inside.set(name, own + 1);
    return () => {
      const left = (inside.get(name) ?? 1) - 1;
      if (left > 0) inside.set(name, left);
      else inside.delete(name);
    };
  };
  return {
    enter,
    pass: async (comer, work) => {
      const leave = enter(comer);
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}

const sumOf = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
