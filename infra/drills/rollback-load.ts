// The load of the rollback drill: callers who begin runs, whatever becomes of those.
import type { AgentClient } from '../../client/agent-client';
import { pause } from './killed-lives';

export interface Begun {
  id: string;
  release: string;
  askedAt: number;
  /** When its start had been answered: it had begun by then. */
  at: number;
}

export interface LoadAbout {
  client: AgentClient;
  /** Where its tools tell what they do. */
  counterUrl: string;
  /** Added to. */
  begun: Begun[];
  /** Added to. */
  problems: string[];
}

export interface Load {
  /** Resolves when whatever was being begun has begun. May be called again. */
  stop(): Promise<void>;
}

export function startLoad({ client, counterUrl, begun, problems }: LoadAbout, everyMs: number): Load {
  let isOver = false;
  let started = 0;
  const under = new Set<Promise<void>>();
  const startOne = async (): Promise<void> => {
    const askedAt = Date.now();
    const run = await client.agent('steady').start({ task: `${started}`, counter: counterUrl });
    const at = Date.now();
    // As it was begun: one that is moved says another release afterwards.
    const { release, moved } = await run.record();
    begun.push({ id: run.id, release: moved?.[0]?.from ?? release, askedAt, at });
  };
  const work = async (): Promise<void> => {
    while (!isOver) {
      started += 1;
      const one = startOne().catch((error: unknown) => void problems.push(`a start failed: ${String(error)}`));
      under.add(one);
      void one.finally(() => under.delete(one));
      await pause(everyMs);
    }
  };
  const done = work();
  return {
    stop: async () => {
      isOver = true;
      await done;
      await Promise.all(under);
    },
  };
}
