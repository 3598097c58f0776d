// Which models answer as they should, shared by all workers of a store: each tells what it has seen go wrong, and reads what others have.
import type { ContentStore } from '../../store/port';
import type { Candidate, Routing } from '../ports';
import { isOfProvider } from './failover';
import { createHealthRecord, type HealthRecord } from './health-record';
import {
  afterBad,
  afterGood,
  afterUnknown,
  HEALTH_RULES,
  isDue,
  probedBy,
  type GoodCall,
  type HealthRules,
} from './health-rules';
import { createSpeedReport, type SpeedReport } from './speed-report';

export interface HealthBoardOptions {
  store: Pick<ContentStore, 'readRef' | 'commit' | 'listRefs'>;
  /** Identity of this worker. */
  worker: string;
  now(): number;
  metrics: { routeTurned(route: string, isCooling: boolean): void };
  rules?: HealthRules;
}

/** Of one route, in this process. */
interface Known {
  record: HealthRecord;
  speed: SpeedReport;
  /** Times of the latest calls, and whether they were bad. */
  recent: { at: number; isBad: boolean }[];
  /** Bad calls that are to be told with the next change. */
  untold: number;
}

/** Enough to judge a share by. */
const RECENT_CALLS = 50;

export function createHealthBoard({ store, worker, now, metrics, rules = HEALTH_RULES }: HealthBoardOptions): Routing {
  const routes = new Map<string, Known>();
  const of = (route: string): Known => {
    const known = routes.get(route) ?? {
      record: createHealthRecord({
        store,
        route,
        now,
        onChange: ({ state }) => metrics.routeTurned(route, state !== 'healthy'),
      }),
      speed: createSpeedReport({ store, route, worker, now, rules }),
      recent: [],
      untold: 0,
    };
    routes.set(route, known);
    return known;
  };
  const claim = async (known: Known): Promise<boolean> => {
    let isMine = false;
    const written = await known.record.update((health) => {
      isMine = isDue(health, now());
      return isMine ? probedBy(health, worker, now(), rules) : health;
    });
    return isMine && written;
  };
  const noteBad = (known: Known, isProbe: boolean, why: string, until?: number): void => {
    remember(known, true, now());
    known.untold += 1;
    let calls: number | undefined;
    void known.record.update((health) => {
      if (calls === undefined) [calls, known.untold] = [known.untold, 0];
      if (calls === 0 && !isProbe) return health;
      const bad = { why, calls, isProbe, isEnough: isEnough(known, now(), rules) };
      return afterBad(health, until === undefined ? bad : { ...bad, until }, now(), rules);
    });
  };
  const noteGood = (known: Known, call: GoodCall): void => {
    remember(known, false, now());
    const { state, bad } = known.record.known();
    if (state === 'healthy' && bad === 0 && !call.isProbe) return;
    void known.record.update((health) => afterGood(health, call, now()));
  };

  return {
    inOrder: async (preferred, input, { mayProbe } = { mayProbe: true }) => {
      if (preferred.length === 1) {
        // Nothing is to be chosen, so nothing is waited for. What others have found is read all the same: a call that is answered ends it.
        for (const route of preferred) void of(route).record.look(rules.readEveryMs);
        return preferred.map(asHealthy);
      }
      const looked = await Promise.all(
        preferred.map(async (route) => {
          const known = of(route);
          const [health] = await Promise.all([known.record.look(rules.readEveryMs), known.speed.adopt()]);
          return { route, known, health };
        }),
      );
      const candidates: Candidate[] = [];
      for (const { route, known, health } of looked) {
        // Whoever is well and preferred leaves no reason to try one behind it.
        const isServed = candidates.some(({ state }) => state !== 'cooling');
        const isToTry = mayProbe && health.state !== 'healthy' && !isServed && isDue(health, now());
        const isTried = isToTry && (await claim(known));
        const state = health.state === 'healthy' ? 'healthy' : isTried ? 'probing' : 'cooling';
        candidates.push({ route, state, firstTokenWithinMs: known.speed.firstTokenWithinMs(input()) });
      }
      const until = ({ route }: Candidate): number => of(route).record.known().until ?? 0;
      const isCooling = ({ state }: Candidate): boolean => state === 'cooling';
      const cooling = candidates.filter(isCooling).sort((a, b) => until(a) - until(b));
      return [...candidates.filter((one) => !isCooling(one)), ...cooling];
    },
    seen: ({ route, state }, what) => {
      const known = of(route);
      const isProbe = state === 'probing';
      const isSlow = known.speed.note(what);
      if (what.kind === 'unknown') {
        if (isProbe) void known.record.update((health) => afterUnknown(health, now()));
      } else if (isSlow) noteBad(known, isProbe, 'slow');
      else if (what.kind === 'failed' && isOfProvider(what.type)) noteBad(known, isProbe, what.type, what.until);
      else noteGood(known, { isProbe, ...(what.kind === 'answered' ? { begunAt: now() - what.ms } : {}) });
    },
  };
}

const asHealthy = (route: string): Candidate => ({ route, state: 'healthy', firstTokenWithinMs: undefined });

function remember({ recent }: Known, isBad: boolean, at: number): void {
  recent.push({ at, isBad });
  if (recent.length > RECENT_CALLS) recent.shift();
}

function isEnough({ recent }: Known, now: number, { badShare }: HealthRules): boolean {
  const calls = recent.filter(({ at }) => now - at <= badShare.withinMs);
  const bad = calls.filter(({ isBad }) => isBad).length;
  return calls.length >= badShare.least && bad >= calls.length * badShare.of;
}
