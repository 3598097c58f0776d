// So many at once and no more: whoever comes then is told to come again, and costs nothing.
import { Problem } from './problem';

export interface Turnstile {
  /** @throws Problem `Api.Busy` */
  pass<T>(work: () => Promise<T>): Promise<T>;
}

export function createTurnstile(most: number): Turnstile {
  let inside = 0;
  return {
    pass: async (work) => {
      if (inside >= most)
        throw new Problem('Api.Busy', `${most} are waiting already: come again.`, { headers: { 'retry-after': '5' } });
      inside += 1;
      try {
        return await work();
      } finally {
        inside -= 1;
      }
    },
  };
}
