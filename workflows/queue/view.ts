// The queue as people are shown it.
import type { QueueState, QueueView } from '../contract/queue';
import { PRIORITIES } from '../contract/quota';
import { stayMs } from './estimates';
import { degradedNow, nextPlace } from './queue';

/** @param now of whoever asks: in a query the workflow's own clock stands at what it last heard */
export function viewOf(state: QueueState, now: number): QueueView {
  const { queue, shard, settings, waiting, slots, counts, estimates } = state;
  const shares = new Map<string, QueueView['waiting'][number]>();
  for (const { class: ofClass, tenant } of waiting) {
    const key = `${ofClass}/${tenant}`;
    const priority = PRIORITIES[ofClass] ?? 'normal';
    const share = shares.get(key) ?? { priority, tenant, count: 0 };
    shares.set(key, { ...share, count: share.count + 1 });
  }
  const { wait } = nextPlace(state, now);
  const degraded = degradedNow(state);
  const service = stayMs(estimates, slots, now);
  return {
    ...{ queue, shard, settings },
    waiting: [...shares.values()].sort((one, other) => other.count - one.count),
    depth: waiting.length,
    running: slots.length,
    ...(waiting[0] ? { oldestAt: waiting[0].at } : {}),
    ...(wait ? { wait } : {}),
    ...(degraded ? { degraded } : {}),
    ...(service === undefined ? {} : { serviceMs: Math.round(service) }),
    counts,
  };
}
