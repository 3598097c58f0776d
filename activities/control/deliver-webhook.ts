// A caller is told of their run: that it has ended, or that it asks people. What came of it stays here: whoever may know it asks the API.
import { ApplicationFailure } from '@temporalio/common';
import { inboxEntrySchema, requestRecordSchema, type RequestRecord } from '../../workflows/contract/schemas/approval';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { webhookRecordSchema, type WebhookRecord } from '../../workflows/contract/schemas/webhook';
import {
  WEBHOOK_ATTEMPTS,
  WEBHOOK_BACKOFF,
  type DeliverInput,
  type Delivery,
  type RunAsks,
  type WebhookActivities,
} from '../../workflows/contract/webhook';
import { attended } from '../attended';
import { ToolRejection } from '../define/tool';
import type { Attempt, WebhookSending } from '../deps';
import { failure } from '../failure';
import { postWebhook } from '../http/post-webhook';
import { createWalls } from '../http/walls';
import { webhookHeaders, webhookId } from '../http/webhook-signature';
import { retryAfterMs } from '../model/retry-after';
import type { ContentStore } from '../store';
import { inboxName, webhookName } from '../store/ref-names';
import { readRun } from './find-run-end';

/** Of one attempt. Nothing is told of those that had nobody to tell. */
export interface WebhookAttempt {
  event: DeliverInput['event']['type'] | 'finding';
  /** Type of it. Absent where it was delivered. */
  failure?: string;
  /** Nobody tries again. */
  isGivenUp: boolean;
}

export interface WebhookDeps {
  store: ContentStore;
  webhooks: WebhookSending;
  now(): number;
  /** Absent where nobody counts. */
  webhookCame?(attempt: WebhookAttempt): void;
}

/** What is registered on the task queue of webhooks. */
export const createWebhookActivities = (deps: WebhookDeps): WebhookActivities => ({
  deliverWebhook: (input) => attended((attempt) => deliverWebhook(deps, input, attempt)),
});

const GONE = 410;

/** Repeating it is the same event to the receiver, by its `webhook-id`. @throws ApplicationFailure `Webhook.*`, `Store.*` */
export async function deliverWebhook(
  deps: WebhookDeps,
  input: DeliverInput,
  { number: attempt }: Pick<Attempt, 'number'>,
): Promise<Delivery> {
  const { watch, event } = input;
  const { store } = deps;
  const webhook = webhookRecordSchema.safeParse((await store.readRef(webhookName(watch)))?.value).data;
  // The end was told by an attempt that could not say so; or the run is erased.
  if (!webhook) return 'dropped';
  const isLast = event.type === 'run.ended';
  try {
    const content = isLast ? await endOf(store, webhook) : await questionOf(store, event);
    const isWanted = content !== undefined && webhook.events.includes(event.type);
    if (isWanted) {
      await send(deps, webhook, { ...input, content, attempt });
      deps.webhookCame?.({ event: event.type, isGivenUp: false });
    }
    if (isLast) await store.deleteRef(webhookName(watch));
    return isWanted ? 'delivered' : 'dropped';
  } catch (error) {
    const isGivenUp = attempt >= WEBHOOK_ATTEMPTS || isFinal(error);
    const failed = error instanceof ApplicationFailure ? error.type : undefined;
    deps.webhookCame?.({ event: event.type, failure: failed ?? 'Runtime.Unexpected', isGivenUp });
    // An address may hold a secret.
    if (isLast && isGivenUp) await store.deleteRef(webhookName(watch));
    throw error;
  }
}

const isFinal = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'nonRetryable' in error && error.nonRetryable === true;

interface Content {
  /** When it happened: milliseconds since the epoch. */
  at: number;
  data: object;
}

async function send(
  { webhooks, now }: WebhookDeps,
  { url: text, key }: WebhookRecord,
  { watch, event, content, attempt }: DeliverInput & { content: Content; attempt: number },
): Promise<void> {
  const url = new URL(text);
  const body = JSON.stringify({
    type: event.type,
    timestamp: new Date(content.at).toISOString(),
    data: content.data,
  });
  const id = webhookId(watch, event.type, ...(event.type === 'run.asks' ? [event.run, String(event.number)] : []));
  const headers = webhookHeaders({ id, body, seconds: Math.floor(now() / 1_000) }, secretsOf(webhooks, key));
  const { status, retryAfter } = await postWebhook(
    { url, body, headers },
    createWalls({ hosts: [url.origin], allowPrivate: webhooks.allowPrivate }),
  ).catch(refused);
  if (status >= 200 && status < 300) return;
  if (status === GONE) throw failure('Webhook.Refused', 'the webhook answered 410: it wants to be told no more.');
  const asked = retryAfter === undefined ? undefined : retryAfterMs(new Headers({ 'retry-after': retryAfter }), now());
  throw failure('Webhook.Undelivered', `the webhook answered ${status}.`, {
    ...(asked === undefined ? {} : { retryAfterMs: Math.max(ownDelayMs(attempt), atMost(asked)) }),
  });
}

const atMost = (ms: number): number => Math.min(ms, WEBHOOK_BACKOFF.maximumInterval);
/** No sooner, whatever a receiver says: attempts are counted, and who asks for one each second would have none left within a minute. */
const ownDelayMs = (attempt: number): number =>
  atMost(WEBHOOK_BACKOFF.initialInterval * WEBHOOK_BACKOFF.backoffCoefficient ** (attempt - 1));

function secretsOf(webhooks: WebhookSending, key: string | undefined): readonly Uint8Array[] {
  try {
    return webhooks.secretsOf(key);
  } catch (error) {
    throw failure('Webhook.Undelivered', error instanceof Error ? error.message : 'its secret is not there.');
  }
}

/** In words that hold no address. */
function refused(error: unknown): never {
  if (error instanceof ToolRejection)
    throw failure('Webhook.Refused', 'the webhook has an address that may not be reached: api.webhooks.allowPrivate.');
  throw failure('Webhook.Undelivered', 'the webhook cannot be reached, or did not answer within 5 s.');
}

async function endOf(store: ContentStore, { run }: WebhookRecord): Promise<Content | undefined> {
  const record = (await readRun(store, run))?.record;
  if (record?.erased) return undefined;
  // A message to a session that has ended may have none; a run tells its end after it is recorded.
  if (!record?.ended) throw failure('Webhook.Undelivered', 'the end of the run is not recorded yet.');
  const { at, outcome, failure: why } = record.ended;
  return {
    at,
    data: { ...about(record), outcome, ...(why ? { failure: why.type } : {}), endedAt: at },
  };
}

const about = ({ id, agent, release, tenant, user, session, tags, startedAt }: RunRecord): object => ({
  ...{ run: id, agent, release, tenant, tags, startedAt },
  ...(user === undefined ? {} : { user }),
  ...(session === undefined ? {} : { session }),
});

/** @returns undefined where it is decided by now, or its run has ended */
async function questionOf(store: ContentStore, { run, number }: RunAsks): Promise<Content | undefined> {
  const name = inboxEntrySchema.safeParse((await store.readRef(inboxName(run, number)))?.value).data?.request;
  const asked = requestRecordSchema.safeParse(name && (await store.readRef(name))?.value).data;
  const record = (await readRun(store, run))?.record;
  if (!asked || asked.decision || !record) return undefined;
  return { at: asked.request.askedAt, data: { ...about(record), ...question(asked, record) } };
}

function question({ request }: RequestRecord, { id, parent }: RunRecord): object {
  const { number, kind, tool, args, by, askedAt, deadline, otherwise } = request;
  return { root: parent?.root ?? id, number, kind, tool, args, by, askedAt, deadline, otherwise };
}
