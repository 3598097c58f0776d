// Tells the store which releases this process can run, for as long as it lives: whoever is about to send runs to a release sees who is there.
import { setTimeout as pause } from 'node:timers/promises';
import type { ContentStore } from '../activities/store';
import { servingName } from '../activities/store/ref-names';
import type { Serving } from '../workflows/contract/schemas/traffic';

export const SERVING_PACE = {
  everyMs: 20_000,
  /** One that was killed is taken for alive for so long. */
  forMs: 60_000,
};

export interface ServingTeller {
  /** Now, because it has changed. */
  tell(): Promise<void>;
  /** Takes it back. */
  stop(): Promise<void>;
}

export function tellServing(options: {
  store: Pick<ContentStore, 'commit' | 'deleteRef'>;
  worker: string;
  strict: boolean;
  /** By agent, the newest at the end. */
  releases(): Serving['releases'];
  /** Names. @default none */
  toolboxes?(): string[];
  build?: NonNullable<Serving['build']>;
}): ServingTeller {
  const { store, worker, strict, releases, toolboxes = () => [], build } = options;
  const name = servingName(worker);
  const stopping = new AbortController();
  const { signal } = stopping;
  const tell = async (): Promise<void> => {
    const at = Date.now();
    const value: Serving = {
      ...{ schemaVersion: 1, worker, at, releases: releases(), strict, toolboxes: toolboxes() },
      shadows: true,
      ...(build ? { build } : {}),
    };
    await store.commit({ refs: [{ op: 'put', name, value, expiresAt: at + SERVING_PACE.forMs }] });
  };
  const renew = async (): Promise<void> => {
    while (!signal.aborted) {
      // It is for people to see: where the store is away the runs say so themselves.
      await tell().catch(() => undefined);
      await pause(SERVING_PACE.everyMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  };
  const done = renew();
  return {
    tell,
    stop: async () => {
      stopping.abort();
      await done;
      await store.deleteRef(name).catch(() => undefined);
    },
  };
}
