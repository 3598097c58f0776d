// Where a test stops the model's answers, by a text, and lets them go on when it has seen what it is about.

export interface Holds {
  /** From now on whoever passes with this text waits. */
  hold(text: string): { arrived: Promise<void>; letGo(): void };
  /** Resolves at once where nobody is held. */
  pass(text: string): Promise<void>;
  /** From now on nobody is held; who waits goes on waiting. */
  clear(): void;
}

export function createHolds(): Holds {
  const held = new Map<string, { arrived: () => void; letGo: Promise<void> }>();
  return {
    hold: (text) => {
      let letGo = (): void => undefined;
      let arrived = (): void => undefined;
      const going = new Promise<void>((resolve) => (letGo = resolve));
      const there = new Promise<void>((resolve) => (arrived = resolve));
      held.set(text, { arrived, letGo: going });
      return { arrived: there, letGo };
    },
    pass: async (text) => {
      const waits = held.get(text);
      waits?.arrived();
      await waits?.letGo;
    },
    clear: () => held.clear(),
  };
}
