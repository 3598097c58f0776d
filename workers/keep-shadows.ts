// Begins the shadows that are wanted, and looks after those under way, from every worker that serves the workflows all runs share.
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { Runtime } from '@temporalio/worker';
import { LRUCache } from 'lru-cache';
import type { ActivityDeps } from '../activities';
import { lookAfterShadows, type ShadowKeeperDeps } from '../activities/shadow/keep-shadows';
import { messageOf } from '../infra/temporal/error-reason';
import { unboundExecutions } from './control-executions';
import { startKeeper, type Keeper } from './start-keeper';
import { unknowingWorkers } from './unknowing-workers';

export interface ShadowPace {
  /** How often the store is asked for those that are wanted or under way, in milliseconds: two short lists. */
  lookMs: number;
}

export const SHADOW_PACE: ShadowPace = { lookMs: 5_000 };

export interface ShadowKeeperOptions {
  temporal: Client;
  taskQueue: string;
  deps: Pick<ActivityDeps, 'store' | 'conversation' | 'now'>;
  pace?: ShadowPace;
}

export function startShadowKeeper(options: ShadowKeeperOptions): Keeper {
  const { temporal, pace = SHADOW_PACE } = options;
  const deps = keeperDeps(options);
  const { logger } = Runtime.instance();
  /** Each is found at every look: it is written down once, and again when it is another. */
  const said = new LRUCache<string, string>({ max: 1_000 });
  const once = (about: string, text: string, say: () => void): void => {
    if (said.get(about) !== text) say();
    said.set(about, text);
  };
  let after: string | undefined;
  return startKeeper({
    ...{ temporal, what: 'shadows', lookMs: pace.lookMs },
    look: async (signal) => {
      after = await lookAfterShadows(
        {
          ...deps,
          isOver: () => signal.aborted,
          unknowing: async (release) => {
            const why = await deps.unknowing(release);
            if (why === undefined) said.delete(release);
            else once(release, why, () => void logger.warn(`shadows wait: ${why}`));
            return why;
          },
          failed: (run, error) => {
            if (signal.aborted) return;
            once(run, messageOf(error), () => void logger.warn('a shadow was not looked after', { run, error }));
          },
        },
        after,
      );
    },
  });
}

export function keeperDeps({ temporal, taskQueue, deps }: ShadowKeeperOptions): ShadowKeeperDeps {
  const { start, endOf } = unboundExecutions({ temporal, taskQueue });
  return {
    ...{ store: deps.store, conversation: deps.conversation, now: deps.now, start, endOf },
    unknowing: unknowingWorkers({ temporal, taskQueue, store: deps.store }),
    failed: () => undefined,
    terminate: async (run, reason) => {
      try {
        await temporal.workflow.getHandle(run).terminate(reason);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },
  };
}
