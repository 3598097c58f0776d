// Wakes one who waits. A promise that is raced again and again keeps a listener of each race until it settles; this keeps one.

export interface Bell {
  ring(): void;
  /** Resolves at the next ring, or at once if it was rung since the last time. */
  rung(): Promise<void>;
}

export function createBell(): Bell {
  let isRung = false;
  let wake: (() => void) | undefined;
  return {
    ring: () => {
      isRung = true;
      wake?.();
    },
    rung: async () => {
      if (!isRung) await new Promise<void>((resolve) => (wake = resolve));
      wake = undefined;
      isRung = false;
    },
  };
}
