// Begins the shadows that are wanted, and looks after those under way, from every worker that serves the workflows all runs share.
import { setTimeout as pause } from 'node:timers/promises';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { Runtime } from '@temporalio/worker';
import type { ActivityDeps } from '../activities';
import { lookAfterShadows, type ShadowKeeperDeps } from '../activities/shadow/keep-shadows';
import { unboundExecutions } from './control-executions';

export interface ShadowPace {
  /** How often the store is asked for those that are wanted or under way, in milliseconds: two short lists. */
  lookMs: number;
}

export const SHADOW_PACE: ShadowPace = { lookMs: 5_000 };
/** Workers that were started together do not ask together. */
const JITTER = 0.2;

export interface ShadowKeeperOptions {
  temporal: Client;
  taskQueue: string;
  deps: Pick<ActivityDeps, 'store' | 'conversation' | 'now'>;
  pace?: ShadowPace;
}

export interface ShadowKeeper {
  /** Resolves once nothing of it is under way. */
  stop(): Promise<void>;
}

export function startShadowKeeper(options: ShadowKeeperOptions): ShadowKeeper {
  const { temporal, pace = SHADOW_PACE } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const work = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        await temporal.connection.withAbortSignal(signal, () => lookAfterShadows(keeperDeps(options)));
      } catch (error) {
        // Whatever is away comes back: the next look finds the same.
        if (!signal.aborted) Runtime.instance().logger.warn('shadows were not looked after', { error });
      }
      const apart = pace.lookMs * (1 + JITTER * (Math.random() - 0.5));
      await pause(apart, undefined, { signal, ref: false }).catch(() => undefined);
    }
  };
  const done = work();
  return {
    stop: async () => {
      stopping.abort();
      await done;
    },
  };
}

export function keeperDeps({ temporal, taskQueue, deps }: ShadowKeeperOptions): ShadowKeeperDeps {
  const { start, endOf } = unboundExecutions({ temporal, taskQueue });
  return {
    ...{ store: deps.store, conversation: deps.conversation, now: deps.now, start, endOf },
    terminate: async (run, reason) => {
      try {
        await temporal.workflow.getHandle(run).terminate(reason);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },
  };
}
