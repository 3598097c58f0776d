// What a worker measures of one model: judged by here, and told to others now and then, for people and for workers that start later.
import { routeSpeedSchema } from '../../../workflows/contract/schemas/route-health';
import type { ContentStore } from '../../store/port';
import { speedName, speedsOf } from '../../store/ref-names';
import type { Seen } from '../ports';
import type { HealthRules } from './health-rules';
import { bucketOf } from './latency';
import { createUsualSpeed } from './usual-speed';

/** Calls are counted over the last one to two of these. */
const WINDOW_MS = 5 * 60_000;
/** Of workers, when one reads what others have learned. */
const MOST_READ = 20;

export interface SpeedReport {
  /** Takes over what others have learned, once. */
  adopt(): Promise<void>;
  firstTokenWithinMs(input: number): number | undefined;
  /** @returns whether it was slow */
  note(what: Seen): boolean;
}

interface Window {
  since: number;
  answered: number;
  failed: number;
  slow: number;
  latency: Map<number, number>;
}

export function createSpeedReport(options: {
  store: Pick<ContentStore, 'commit' | 'listRefs'>;
  route: string;
  worker: string;
  now(): number;
  rules: HealthRules;
}): SpeedReport {
  const { store, route, worker, now, rules } = options;
  const usual = createUsualSpeed(rules);
  const fresh = (): Window => ({ since: now(), answered: 0, failed: 0, slow: 0, latency: new Map() });
  let windows = [fresh()];
  let toldAt = -Infinity;
  let adopted: Promise<void> | undefined;

  const adopt = async (): Promise<void> => {
    for (const { value } of await store.listRefs(speedsOf(route), { limit: MOST_READ })) {
      const told = routeSpeedSchema.safeParse(value);
      if (told.success) usual.adopt(told.data.usual);
    }
  };
  const tell = (): void => {
    if (now() - toldAt < rules.tellEveryMs) return;
    toldAt = now();
    const latency = new Map<number, number>();
    for (const window of windows)
      for (const [bucket, calls] of window.latency) latency.set(bucket, (latency.get(bucket) ?? 0) + calls);
    const total = (count: (window: Window) => number): number => windows.reduce((sum, one) => sum + count(one), 0);
    const value = {
      schemaVersion: 1,
      route,
      at: now(),
      answered: total(({ answered }) => answered),
      failed: total(({ failed }) => failed),
      slow: total(({ slow }) => slow),
      latency: [...latency],
      usual: usual.told(),
    };
    const expiresAt = now() + 2 * WINDOW_MS;
    // Of figures that the next call tells again, one may be lost.
    store.commit({ refs: [{ op: 'put', name: speedName(route, worker), value, expiresAt }] }).catch(() => undefined);
  };
  return {
    adopt: () => (adopted ??= adopt().catch(() => undefined)),
    firstTokenWithinMs: (input) => {
      const ms = usual.firstTokenMs(input);
      return ms === undefined ? undefined : Math.max(ms * rules.slow.factor, ms + rules.slow.leastMs);
    },
    note: (what) => {
      if (what.kind === 'unknown') return false;
      if (now() - (windows[0]?.since ?? 0) > WINDOW_MS) windows = [fresh(), ...windows.slice(0, 1)];
      const [window] = windows;
      const isSlow = what.kind === 'slow' || (what.kind === 'answered' && usual.isSlow(what));
      if (window) {
        if (what.kind === 'failed') window.failed += 1;
        if (isSlow) window.slow += 1;
        if (what.kind === 'answered') {
          window.answered += 1;
          const bucket = bucketOf(what.ms);
          window.latency.set(bucket, (window.latency.get(bucket) ?? 0) + 1);
        }
      }
      if (what.kind === 'answered') usual.learn(what, isSlow);
      tell();
      return isSlow;
    },
  };
}
