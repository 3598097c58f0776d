// The address that a caller names to be told of a run, as the library takes it.
import type { z } from 'zod';
import { webhookRefusal, type WebhookTarget } from '../../activities/define/webhook';
import type { Caller } from './caller';
import { Problem } from './problem';
import type { ApiDeps } from './route';
import type { webhookShape } from './shapes';

/** @throws Problem `Api.Invalid` */
export function webhookTarget(
  { webhooks }: ApiDeps,
  { name: key }: Caller,
  given: z.output<typeof webhookShape> | undefined,
): { webhook?: WebhookTarget } {
  if (!given) return {};
  const { secretEnv, secretEnvs = {}, allowPrivate = false } = webhooks ?? {};
  const ofKey = key === undefined ? undefined : secretEnvs[key];
  if ((ofKey ?? secretEnv) === undefined)
    throw refused('/webhook', 'this server has no secret for webhooks: api.webhooks of its configuration names one.');
  const { url, events } = given;
  const target = { url, ...(events ? { events } : {}), ...(key === undefined ? {} : { key }) };
  const refusal = webhookRefusal(target, allowPrivate);
  if (refusal !== undefined) throw refused('/webhook/url', refusal);
  return { webhook: target };
}

const refused = (pointer: string, detail: string): Problem =>
  new Problem('Api.Invalid', 'the request does not fit: see `errors`.', { errors: [{ pointer, detail }] });
