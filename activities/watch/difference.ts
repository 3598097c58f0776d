export interface Difference {
  direction: 'up' | 'down';
  /** How likely a difference as large this way is where nothing has changed. */
  p: number;
  /** Large enough to act on. */
  isLarge: boolean;
}
