// Tells another system what runs ask people: JSON by POST, signed so that the receiver knows who sent it, and when.
import { createHmac } from 'node:crypto';
import type { WebhookSettings } from '../activities/define/api';
import type { ActivityDeps, PeopleEvent, WebhookSending } from '../activities/deps';
import { failure } from '../activities/failure';
import { postWebhook } from '../activities/http/post-webhook';
import { createWalls } from '../activities/http/walls';
import { webhookSecrets } from '../activities/http/webhook-signature';

/**
 * `x-longhaul-signature: t=<seconds>,v1=<hex>`: HMAC-SHA-256 of `<seconds>.<body>`. A receiver compares it in constant time, and refuses
 * what is older than some minutes.
 */
export function webhookSignature(body: string, secret: string, seconds: number): string {
  const hex = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
  return `t=${seconds},v1=${hex}`;
}

export function createWebhook(url: string, secret: string): NonNullable<ActivityDeps['tellPeople']> {
  const to = new URL(url);
  // Whoever writes the configuration may mean a system of their own network.
  const walls = createWalls({ hosts: [to.origin], allowPrivate: true });
  return async (event) => {
    const body = JSON.stringify(bodyOf(event));
    const signature = webhookSignature(body, secret, Math.floor(Date.now() / 1000));
    const answer = await postWebhook({ url: to, body, headers: { 'x-longhaul-signature': signature } }, walls).catch(
      () => {
        throw failure('Runtime.Unexpected', 'the webhook cannot be reached.');
      },
    );
    if (answer.status >= 300) throw failure('Runtime.Unexpected', `the webhook answered ${answer.status}.`);
  };
}

/** What callers have asked to be told is signed with what the environment holds. @returns undefined where the configuration lets nobody ask */
export function webhookSending(
  { secretEnv, secretEnvs, allowPrivate }: WebhookSettings,
  secret: (name: string) => string | undefined,
): WebhookSending | undefined {
  if (secretEnv === undefined && Object.keys(secretEnvs).length === 0) return undefined;
  return {
    allowPrivate,
    secretsOf: (key) => {
      const name = (key === undefined ? undefined : secretEnvs[key]) ?? secretEnv;
      if (name === undefined) throw new Error(`no secret is configured for webhooks of the key "${key ?? ''}".`);
      const text = secret(name);
      if (text === undefined) throw new Error(`${name}, a secret of webhooks, is not set where this worker runs.`);
      try {
        return webhookSecrets(text);
      } catch (error) {
        throw new Error(`${name} is no secret of webhooks: ${error instanceof Error ? error.message : ''}`);
      }
    },
  };
}

/** A line for each secret that is missing, or is none. */
export function webhookProblems(
  { secretEnv, secretEnvs }: WebhookSettings,
  sending: WebhookSending | undefined,
): string[] {
  const keys = [...(secretEnv === undefined ? [] : [undefined]), ...Object.keys(secretEnvs)];
  return keys.flatMap((key) => {
    try {
      sending?.secretsOf(key);
      return [];
    } catch (error) {
      return [error instanceof Error ? error.message : String(error)];
    }
  });
}

/** Numbers, names and a preview: what a person needs to know before they look. Without the signature, which is of no use to anybody. */
function bodyOf({ about, run, agent, tenant, request: asked, decision, by: signer }: PeopleEvent): object {
  const { number, kind, tool, args, preview, by, failure: why, askedAt, deadline, otherwise } = asked;
  return {
    about,
    run,
    agent,
    tenant,
    request: { number, kind, tool, args, preview, by, ...(why ? { failure: why } : {}), askedAt, deadline, otherwise },
    ...(decision
      ? {
          decision: {
            verdict: decision.verdict,
            by: decision.byDefault ? 'nobody answered' : (signer ?? 'nobody whose signature fits'),
            ...(decision.reason === undefined ? {} : { reason: decision.reason }),
          },
        }
      : {}),
  };
}
