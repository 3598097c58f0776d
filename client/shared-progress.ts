// Many who watch one run ask its worker as one: Temporal keeps one query of a run waiting, and turns the others away.
import type { Client } from '@temporalio/client';
import type { RunProgress } from '../workflows/contract/run';

type Ask = () => Promise<RunProgress>;

interface Asking {
  underWay?: Promise<unknown>;
  next?: Promise<RunProgress>;
}

const OF_CLIENTS = new WeakMap<object, Map<string, Asking>>();

/** Waits for what is asked now: a connection that is closed meanwhile would fail it. */
export async function progressAnswered(temporal: Pick<Client, 'connection'>): Promise<void> {
  const runs = OF_CLIENTS.get(temporal)?.values() ?? [];
  await Promise.allSettled([...runs].flatMap(({ underWay, next }) => [underWay ?? [], next ?? []].flat()));
}

/** Whoever asks while an answer is under way shares the next one: what they are told was asked after they asked. */
export function sharedProgress(temporal: Pick<Client, 'connection'>, id: string, ask: Ask): Ask {
  return () => {
    const runs = OF_CLIENTS.get(temporal) ?? new Map<string, Asking>();
    OF_CLIENTS.set(temporal, runs);
    const run = runs.get(id) ?? {};
    runs.set(id, run);
    const answered = (): void => {
      delete run.underWay;
      if (!run.next) runs.delete(id);
    };
    return (run.next ??= nextOf(run, ask, answered));
  };
}

async function nextOf(run: Asking, ask: Ask, answered: () => void): Promise<RunProgress> {
  await run.underWay;
  delete run.next;
  const asked = ask();
  run.underWay = asked.then(answered, answered);
  return await asked;
}
