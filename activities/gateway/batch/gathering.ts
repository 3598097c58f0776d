// Tasks that arrive one by one, sent together: when there are enough, when the first has waited long enough, or when no more fits.

export interface GatheringOptions<T, R> {
  /** Tasks of one sending. */
  size: number;
  /** How long the first of them waits. */
  delayMs: number;
  /** Weight of one sending. */
  most: number;
  /** @returns one result for each, in their order. The signal is aborted once nobody waits for any of them */
  send(values: readonly T[], signal: AbortSignal): Promise<readonly R[]>;
  /** What a task is told that leaves after the sending. */
  left(value: T, all: readonly T[]): Error;
}

export interface Gathering<T, R> {
  /**
   * @param weight at most the options' `most`
   * @param signal aborted by who does not wait any more: the others go on without it
   * @throws the signal's reason before the sending, what `left` says after it, and what `send` throws
   */
  join(value: T, weight: number, signal: AbortSignal): Promise<R>;
}

interface Member<T, R> {
  value: T;
  resolve(result: R): void;
  reject(error: unknown): void;
  /** What its abort does, from now on. */
  onAbort(act: () => void): void;
  done(): void;
}

interface Open<T, R> {
  members: Set<Member<T, R>>;
  weight: number;
  timer: NodeJS.Timeout;
}

export function createGathering<T, R>(options: GatheringOptions<T, R>): Gathering<T, R> {
  let open: Open<T, R> | undefined;
  const flush = (): void => {
    if (!open) return;
    const members = [...open.members];
    clearTimeout(open.timer);
    open = undefined;
    if (members.length > 0) void sendAll(options, members);
  };
  return {
    join: (value, weight, signal) =>
      new Promise<R>((resolve, reject) => {
        signal.throwIfAborted();
        if (open && open.weight + weight > options.most) flush();
        open ??= { members: new Set(), weight: 0, timer: setTimeout(flush, options.delayMs) };
        const gathered = open;
        const member = memberOf(value, signal, { resolve, reject });
        gathered.members.add(member);
        gathered.weight += weight;
        member.onAbort(() => {
          gathered.members.delete(member);
          gathered.weight -= weight;
          member.done();
          reject(signal.reason instanceof Error ? signal.reason : new Error('cancelled'));
          // Who comes next waits as long as any first one does.
          if (gathered.members.size === 0 && open === gathered) flush();
        });
        if (gathered.members.size >= options.size) flush();
      }),
  };
}

function memberOf<T, R>(
  value: T,
  signal: AbortSignal,
  promise: Pick<Member<T, R>, 'resolve' | 'reject'>,
): Member<T, R> {
  let act: () => void = () => undefined;
  const listener = (): void => act();
  signal.addEventListener('abort', listener, { once: true });
  return {
    value,
    ...promise,
    onAbort: (next) => void (act = next),
    done: () => signal.removeEventListener('abort', listener),
  };
}

async function sendAll<T, R>({ send, left }: GatheringOptions<T, R>, members: readonly Member<T, R>[]): Promise<void> {
  const values = members.map(({ value }) => value);
  const nobodyWaits = new AbortController();
  let waiting = members.length;
  for (const member of members) {
    member.onAbort(() => {
      member.reject(left(member.value, values));
      waiting -= 1;
      if (waiting === 0) nobodyWaits.abort();
    });
  }
  try {
    const results = await send(values, nobodyWaits.signal);
    members.forEach((member, at) => {
      const result = results[at];
      if (result === undefined) member.reject(new Error('a sending has a result for each of its tasks.'));
      else member.resolve(result);
    });
  } catch (error) {
    for (const member of members) member.reject(error);
  } finally {
    for (const member of members) member.done();
  }
}
