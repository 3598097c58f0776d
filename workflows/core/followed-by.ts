// What every call of a turn passes through costs promises: for each that a workflow makes the SDK notes a stack, and that is a third of
// what a turn takes of the workflow thread. So layers that only do something before or after return a promise that is followed, where an
// async function would make two.
//
// A layer that is taken away altogether is another matter: what follows it comes a microtask earlier. Where a call and an update, or two
// calls, come back with the same task, the order of their commands is that of their layers, and old histories hold it.

/** What `work` comes to, once `after` is done: as `finally` in an async function, with one promise instead of two. */
export function followedBy<T>(work: Promise<T>, after: () => void): Promise<T> {
  return work.then(
    (result) => {
      after();
      return result;
    },
    (error: unknown) => {
      after();
      throw error;
    },
  );
}
