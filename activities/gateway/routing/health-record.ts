// One record of health as this worker sees it: read again when it is old, changed by compare-and-set. A store that is away keeps nobody
// from asking a model: then a worker goes by what it has seen itself.
import { routeHealthSchema, type RouteHealth } from '../../../workflows/contract/schemas/route-health';
import type { ContentStore } from '../../store/port';
import { healthName } from '../../store/ref-names';
import { healthyAt } from './health-rules';

/** Who has not been asked for so long is as good as new. */
const KEPT_MS = 24 * 60 * 60 * 1_000;
/** Another worker changed it meanwhile; this often in a row it does not happen. */
const ROUNDS = 4;

export interface HealthRecord {
  /** @param maxAgeMs of what is known already */
  look(maxAgeMs: number): Promise<RouteHealth>;
  /** As last seen, by anyone. */
  known(): RouteHealth;
  /**
   * @param change returns the same record where nothing is to be written
   * @returns false where others were first. Where the store is away, it holds for this worker
   */
  update(change: (known: RouteHealth) => RouteHealth): Promise<boolean>;
}

export interface HealthRecordOptions {
  store: Pick<ContentStore, 'readRef' | 'commit'>;
  route: string;
  now(): number;
  onChange(health: RouteHealth): void;
}

export function createHealthRecord({ store, route, now, onChange }: HealthRecordOptions): HealthRecord {
  const name = healthName(route);
  let known = healthyAt(route, now());
  let version: number | undefined;
  let readAt = -Infinity;
  let reading: Promise<void> | undefined;
  // One change after the other: what two calls have seen at once is one after the other in the record.
  let last: Promise<unknown> = Promise.resolve();

  const take = (health: RouteHealth): void => {
    const isNew = health.state !== known.state;
    known = health;
    if (isNew) onChange(health);
  };
  const read = async (): Promise<void> => {
    const ref = await store.readRef(name);
    const parsed = routeHealthSchema.safeParse(ref?.value);
    version = ref?.version;
    readAt = now();
    // What cannot be read is replaced by the next change.
    take(parsed.success ? parsed.data : healthyAt(route, now()));
  };
  const write = async (change: (health: RouteHealth) => RouteHealth): Promise<boolean> => {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const changed = change(known);
      if (changed === known) return true;
      const expiresAt = now() + KEPT_MS;
      const { conflicts } = await store.commit({
        refs: [
          version === undefined
            ? { op: 'create', name, value: changed, expiresAt }
            : { op: 'compare-and-set', name, version, value: changed, expiresAt },
        ],
      });
      if (conflicts.length === 0) {
        take(changed);
        // Its new version is the store's to say.
        readAt = -Infinity;
        return true;
      }
      await read();
    }
    return false;
  };
  return {
    known: () => known,
    look: async (maxAgeMs) => {
      if (now() - readAt > maxAgeMs) {
        reading ??= read()
          .catch(() => {
            // Not at every call, while the store is away.
            readAt = now();
          })
          .finally(() => (reading = undefined));
        await reading;
      }
      return known;
    },
    update: (change) => {
      const written = last.then(async () => {
        try {
          if (readAt === -Infinity) await read();
          return await write(change);
        } catch {
          take(change(known));
          return true;
        }
      });
      last = written;
      return written;
    },
  };
}
