// What was opened, to be closed whatever happens.

export interface Closing {
  add(close: () => Promise<void> | void): void;
  /** In the reverse order, each although another fails; then the first failure is thrown. A second time there is nothing to close. */
  close(): Promise<void>;
}

export function createClosing(): Closing {
  const opened: (() => Promise<void> | void)[] = [];
  return {
    add: (close) => void opened.push(close),
    close: async () => {
      const failures: unknown[] = [];
      for (let close = opened.pop(); close; close = opened.pop()) {
        try {
          await close();
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) throw failures[0];
    },
  };
}

/** What `open` has opened is closed again when it throws. */
export async function openOrClose<T>(open: (closing: Closing) => Promise<T>): Promise<T> {
  const closing = createClosing();
  try {
    return await open(closing);
  } catch (error) {
    // What went wrong first is what there is to tell.
    await closing.close().catch(() => undefined);
    throw error;
  }
}
