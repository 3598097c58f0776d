// A clock that goes when it is told to, with timers that ring on their way.
import type { Clock } from '../../activities/gateway/quota/alarm';

export interface HandClock extends Clock {
  pass(ms: number): Promise<void>;
}

export function handClock(): HandClock {
  let now = 0;
  let timers: { at: number; work(): void }[] = [];
  const settle = async (): Promise<void> => {
    for (let hop = 0; hop < 20; hop += 1) await Promise.resolve();
  };
  return {
    now: () => now,
    after(ms, work) {
      const timer = { at: now + ms, work };
      timers.push(timer);
      return () => void (timers = timers.filter((one) => one !== timer));
    },
    async pass(ms) {
      const end = now + ms;
      for (;;) {
        await settle();
        const next = timers.reduce<{ at: number; work(): void } | undefined>(
          (first, one) => (first && first.at <= one.at ? first : one),
          undefined,
        );
        if (!next || next.at > end) break;
        timers = timers.filter((one) => one !== next);
        now = Math.max(now, next.at);
        next.work();
      }
      now = end;
    },
  };
}
