// The same work for each of many, not all of them side by side.

/** @returns in their order @throws what the first that failed has thrown; none is begun after it */
export async function fewAtOnce<T, R>(
  all: readonly [T, ...T[]],
  most: number,
  work: (one: T) => Promise<R>,
): Promise<[R, ...R[]]>;
export async function fewAtOnce<T, R>(all: readonly T[], most: number, work: (one: T) => Promise<R>): Promise<R[]>;
export async function fewAtOnce<T, R>(all: readonly T[], most: number, work: (one: T) => Promise<R>): Promise<R[]> {
  const done: R[] = [];
  const rest = all.entries();
  let isOver = false;
  const worker = async (): Promise<void> => {
    for (const [at, one] of rest) {
      if (isOver) return;
      done[at] = await work(one);
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, all.length) }, worker)).finally(() => (isOver = true));
  return done;
}
