// Looks after something again and again, from a worker, until that stops. Every worker of a kind does: what each look does must not mind it.
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { Runtime } from '@temporalio/worker';

/** Workers that were started together do not ask together. */
const JITTER = 0.2;

export interface Keeper {
  /** Resolves once nothing of it is under way. */
  stop(): Promise<void>;
}

export interface KeeperOptions {
  /** What a look asks of Temporal ends when the keeper stops. */
  temporal: Client;
  /** In the plural. */
  what: string;
  /** From the end of a look to the next, in milliseconds. */
  lookMs: number;
  look(signal: AbortSignal): Promise<void>;
}

export function startKeeper({ temporal, what, lookMs, look }: KeeperOptions): Keeper {
  const stopping = new AbortController();
  const { signal } = stopping;
  const work = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        await temporal.connection.withAbortSignal(signal, () => look(signal));
      } catch (error) {
        // Whatever is away comes back: the next look finds the same.
        if (!signal.aborted) Runtime.instance().logger.warn(`${what} were not looked after`, { error });
      }
      const apart = lookMs * (1 + JITTER * (Math.random() - 0.5));
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
