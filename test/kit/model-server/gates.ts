/** Named places where requests wait until a test lets them go on. */
export class Gates {
  private readonly waiting = new Map<string, Set<() => void>>();

  /** Resolves at the next release of that name; rejects with the signal's reason. */
  wait(name: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const group = this.waiting.get(name) ?? new Set();
      this.waiting.set(name, group);
      const leave = () => {
        group.delete(pass);
        signal.removeEventListener('abort', fail);
      };
      const pass = () => {
        leave();
        resolve();
      };
      const fail = () => {
        leave();
        reject(signal.reason as Error);
      };
      group.add(pass);
      signal.addEventListener('abort', fail);
      if (signal.aborted) fail();
    });
  }

  /** Lets the waiting requests go on (all names by default) and tells how many they were. Later ones wait again. */
  release(name?: string): number {
    const groups = name === undefined ? [...this.waiting.values()] : [this.waiting.get(name) ?? new Set<() => void>()];
    const passes = groups.flatMap((group) => [...group]);
    for (const pass of passes) pass();
    return passes.length;
  }
}

/** Resolves when the signal fires; never before. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
