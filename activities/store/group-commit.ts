// One transaction at a time, and everybody who asks meanwhile shares the next: under load many commits pay for one disk flush.
// It is done here and not left to lmdb-js because there each event turn's transaction waits for the write lock on a thread of
// libuv's pool, of which there are four: a few slow flushes would stop all other file I/O of the process.

interface Waiting<Request, Result> {
  request: Request;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

export interface GroupCommit<Request, Result> {
  submit(request: Request): Promise<Result>;
  /** Resolves when all that was submitted is settled. */
  idle(): Promise<void>;
}

/**
 * @param flush takes one group and answers in its order; when it rejects, every request of the group does
 * @param groupMax requests in one group
 */
export function createGroupCommit<Request, Result>(
  flush: (requests: readonly Request[]) => Promise<readonly Result[]>,
  groupMax: number,
): GroupCommit<Request, Result> {
  const waiting: Waiting<Request, Result>[] = [];
  let running: Promise<void> | undefined;

  async function drain(): Promise<void> {
    while (waiting.length > 0) {
      const group = waiting.splice(0, groupMax);
      try {
        const results = await flush(group.map(({ request }) => request));
        group.forEach(({ resolve, reject }, at) => {
          const result = results[at];
          if (result === undefined) reject(new Error('the group was flushed without an answer for this request.'));
          else resolve(result);
        });
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    running = undefined;
  }

  return {
    submit: (request) =>
      new Promise((resolve, reject) => {
        waiting.push({ request, resolve, reject });
        // A microtask later, so that commits of one event turn share a group.
        running ??= Promise.resolve().then(drain);
      }),
    idle: async () => {
      while (running) await running;
    },
  };
}
