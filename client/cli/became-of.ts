// What came of a decision, for as long as a person waits at a prompt. A run takes what it is told; whoever makes the call checks it, and
// where it does not hold, a person is asked again.
import { setTimeout as after } from 'node:timers/promises';
import type { ContentStore } from '../../activities/store';
import { callRecordName } from '../../activities/store/ref-names';
import { indexesOf } from '../../workflows/contract/limits';
import { ClientError } from '../errors';
import type { RunHandle } from '../run-handle';
import type { RunRequest } from '../run-requests';

export type Became =
  /** The call is recorded, or has begun work elsewhere. */
  | { what: 'made' }
  | { what: 'failed-again'; why: string; as: number }
  /** A tool is at work, say. */
  | { what: 'not-known' };

/** A worker refuses within some hundred milliseconds; who waits for a tool has `longhaul tail`. */
const PATIENCE_MS = 3_000;
const LOOK_MS = 100;

/** @throws ClientError `refused` where it was, with why */
export async function becameOf(store: ContentStore, run: RunHandle<unknown>, asked: RunRequest): Promise<Became> {
  for (const began = Date.now(); Date.now() - began < PATIENCE_MS; await after(LOOK_MS)) {
    // In this order: what is recorded asks nothing any more.
    const isMade = await isRecorded(store, asked);
    const again = isMade ? undefined : await nextAbout(run, asked);
    if (isMade) return { what: 'made' };
    if (again?.again !== undefined)
      throw new ClientError(
        'refused',
        `request ${asked.number} was refused where the call is made: ${again.again} It is asked again, as request ${again.number}.`,
      );
    if (again)
      return { what: 'failed-again', why: `${again.failure?.type}: ${again.failure?.message}`, as: again.number };
  }
  return { what: 'not-known' };
}

async function isRecorded(store: ContentStore, { run, turn, call }: RunRequest): Promise<boolean> {
  const names = indexesOf(call).map((index) => callRecordName({ run, fork: 0, turn, index }));
  const found = await Promise.all(names.map((name) => store.readRef(name)));
  return found.some((record) => record !== undefined);
}

/** What the run asks about the same call now; undefined also where nobody answers. */
async function nextAbout(run: RunHandle<unknown>, asked: RunRequest): Promise<RunRequest | undefined> {
  const open = await run.requests().catch((error: unknown) => {
    if (!ClientError.isInstance(error)) throw error;
    return [];
  });
  return open.find(({ number, message, call }) => {
    return number > asked.number && message === asked.message && call === asked.call;
  });
}
