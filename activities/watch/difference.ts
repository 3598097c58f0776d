/** One that is large enough to act on. */
export interface Difference {
  direction: 'up' | 'down';
  /** How likely a difference as large this way is where nothing has changed. */
  p: number;
}
