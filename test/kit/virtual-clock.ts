// Time that passes only when a test, or a run that has nothing else to do, moves it.

export interface VirtualClock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Moves the time forward; never back. */
  moveTo(time: number): void;
}

export function createVirtualClock(start: number): VirtualClock {
  let time = start;
  return {
    now: () => time,
    moveTo: (to) => {
      time = Math.max(time, to);
    },
  };
}
