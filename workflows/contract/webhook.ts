// A caller's webhook: an address that is told when a run ends, and when it asks people. The address is in the store alone: whoever knows it may
// have written a secret into it.

export const WEBHOOK_EVENTS = ['run.ended', 'run.asks'] as const;
export type WebhookEventType = (typeof WEBHOOK_EVENTS)[number];

/** Of the workflow that watches a run for a caller. */
export interface WebhookInput {
  schemaVersion: 1;
  /** Names what is kept of the webhook: the run's id, or that of the message to a session which it answers together with another. */
  watch: string;
  run: string;
  /** Set by continue-as-new. */
  carried?: { looks: number; told: string[] };
}

/** What a run asks, as little as finds it. */
export interface RunAsks {
  /** Id of the run that asks: of a sub-agent's, perhaps. */
  run: string;
  number: number;
}

export type WebhookEvent = { type: 'run.ended' } | ({ type: 'run.asks' } & RunAsks);

export interface DeliverInput {
  watch: string;
  run: string;
  event: WebhookEvent;
}
/** `dropped`: nobody is told, because the webhook is not there any more, or what it would tell is over. */
export type Delivery = 'delivered' | 'dropped';

export interface WatchedRun {
  isOver: boolean;
  asks: RunAsks[];
}

export interface WatchActivities {
  /** @returns undefined where nobody is to be told any more */
  lookAtRun(input: Pick<WebhookInput, 'watch' | 'run'>): Promise<WatchedRun | undefined>;
}
export interface WebhookActivities {
  deliverWebhook(input: DeliverInput): Promise<Delivery>;
}

/**
 * The first repeat comes soon, for a receiver that starts anew; the others stretch over a day. Attempts are counted and no time is: a
 * worker that was switched off for a weekend still tells.
 */
export const WEBHOOK_BACKOFF = {
  initialInterval: 1_000,
  backoffCoefficient: 4,
  maximumInterval: 2 * 3_600_000,
} as const;
/** 1 + 4 + 16 + ... + 4096 s are an hour and a half, and eleven times two hours more. */
export const WEBHOOK_ATTEMPTS = 19;
