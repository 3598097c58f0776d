/**
 * The provider asks for more patience than an activity may sit out. It never crosses the wire: `callModel` turns it into its `wait`
 * result, and the workflow sleeps, so that the wait eats neither an attempt nor a slot.
 */
export class ModelWaitError extends Error {
  override readonly name = 'ModelWaitError';
  constructor(
    /** Milliseconds since the epoch. */
    readonly waitUntil: number,
    /** One line, safe to show. */
    readonly reason: string,
  ) {
    super(reason);
  }
}
