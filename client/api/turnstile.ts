// So many at once and no more: whoever comes then is told to come again, and costs nothing.
import { Problem } from './problem';

export interface Turnstile {
  /** @throws Problem `Api.Busy` */
  pass<T>(work: () => Promise<T>): Promise<T>;
  /** @returns what leaves it again @throws Problem `Api.Busy` */
  enter(): () => void;
}

export function createTurnstile(most: number): Turnstile {
  let inside = 0;
  const enter = (): (() => void) => {
    if (inside >= most)
      throw new Problem('Api.Busy', `${most} are waiting already: come again.`, { headers: { 'retry-after': '5' } });
    inside += 1;
    return () => void (inside -= 1);
  };
  return {
    enter,
    pass: async (work) => {
      const leave = enter();
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}
