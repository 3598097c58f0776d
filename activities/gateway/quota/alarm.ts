// The one timer of whatever acts by itself: set to what is due first.

/** Steady, and started anywhere: no clock of the day is asked. */
export interface Clock {
  /** Milliseconds. */
  now(): number;
  /** @returns what takes it back */
  after(ms: number, work: () => void): () => void;
}

export interface Alarm {
  /** Rings then at the latest. */
  at(time: number): void;
  stop(): void;
}

export function createAlarm(clock: Clock, ring: () => void): Alarm {
  let set: { at: number; cancel(): void } | undefined;
  let isStopped = false;
  return {
    at(time) {
      if (isStopped || (set && set.at <= time)) return;
      set?.cancel();
      const cancel = clock.after(Math.max(0, time - clock.now()), () => {
        set = undefined;
        ring();
      });
      set = { at: time, cancel };
    },
    stop() {
      isStopped = true;
      set?.cancel();
    },
  };
}
