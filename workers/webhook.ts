// Tells another system what runs ask people: JSON by POST, signed so that the receiver knows who sent it, and when.
import { createHmac } from 'node:crypto';
import type { ActivityDeps, PeopleEvent } from '../activities/deps';
import { failure } from '../activities/failure';

const TIMEOUT_MS = 5_000;

/**
 * `x-longhaul-signature: t=<seconds>,v1=<hex>`: HMAC-SHA-256 of `<seconds>.<body>`. A receiver compares it in constant time, and refuses
 * what is older than some minutes.
 */
export function webhookSignature(body: string, secret: string, seconds: number): string {
  const hex = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
  return `t=${seconds},v1=${hex}`;
}

export function createWebhook(url: string, secret: string): NonNullable<ActivityDeps['tellPeople']> {
  return async (event) => {
    const body = JSON.stringify(bodyOf(event));
    const seconds = Math.floor(Date.now() / 1000);
    const headers = {
      'content-type': 'application/json',
      'x-longhaul-signature': webhookSignature(body, secret, seconds),
    };
    let status: number;
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const answer = await fetch(url, { method: 'POST', body, headers, redirect: 'manual', signal });
      status = answer.status;
      await answer.body?.cancel();
    } catch {
      throw failure('Runtime.Unexpected', 'the webhook cannot be reached.');
    }
    if (status >= 300) throw failure('Runtime.Unexpected', `the webhook answered ${status}.`);
  };
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
