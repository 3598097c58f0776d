// The webhook of findings: told of each once it takes it, in the form of Standard Webhooks.
import type { Finding } from '../../workflows/contract/schemas/finding';
import { findingSchema } from '../../workflows/contract/schemas/finding';
import { postWebhook } from '../http/post-webhook';
import { createWalls } from '../http/walls';
import { webhookHeaders, webhookId } from '../http/webhook-signature';
import { findingsIn } from '../store/findings';
import { findingName } from '../store/ref-names';
import type { FindingDeps } from './keep-finding';
import type { WatchSettings } from './watch-settings';

/** Of one look. Each has five seconds at the most, and what is not taken is told at the next look. */
const TOLD_MOST = 4;
/** Whoever has not taken it for so long is told no more. */
const TRIED_MS = 86_400_000;
/** As HTTP has them: asked too often, and from here on not able to answer. */
const TOO_MANY = 429;
const DOWN = 500;

/** One that is not reached keeps nothing else waiting. */
export async function tellFindings(deps: FindingDeps & { watch: WatchSettings }): Promise<void> {
  const { everyMs, webhook } = deps.watch;
  if (!webhook) return;
  const since = deps.now() - TRIED_MS;
  const untold = (await findingsIn(deps.store)).filter(({ isTold, at }) => !isTold && at > since);
  for (const finding of untold.reverse().slice(0, TOLD_MOST)) {
    const status = await post(deps, webhook, finding).catch(() => undefined);
    const isTaken = status !== undefined && status >= 200 && status < 300;
    if (isTaken) await markTold(deps, finding);
    const isGivenUp = !isTaken && finding.at <= since + everyMs;
    deps.findingTold?.(finding, { isTaken, isGivenUp, ...(status === undefined ? {} : { status }) });
    // Whoever does not answer now need not be asked again this time; what one refuses keeps no other from being told.
    if (status === undefined || status === TOO_MANY || status >= DOWN) return;
  }
}

async function post(
  { now }: FindingDeps,
  { url: text, secrets }: NonNullable<WatchSettings['webhook']>,
  finding: Finding,
): Promise<number> {
  const url = new URL(text);
  const { isTold: _, upTo: __, ...data } = finding;
  const body = JSON.stringify({ type: 'finding', timestamp: new Date(finding.at).toISOString(), data });
  const id = webhookId('finding', finding.agent, finding.id);
  const headers = webhookHeaders({ id, body, seconds: Math.floor(now() / 1_000) }, secrets);
  // Whoever writes the configuration may mean a system of their own network.
  const { status } = await postWebhook(
    { url, body, headers },
    createWalls({ hosts: [url.origin], allowPrivate: true }),
  );
  return status;
}

/** It may have been seen again meanwhile: then it is told once more, under the same id. */
async function markTold({ store }: FindingDeps, { agent, id }: Finding): Promise<void> {
  const name = findingName(agent, id);
  const ref = await store.readRef(name);
  const known = findingSchema.safeParse(ref?.value).data;
  if (!ref || !known) return;
  const value: Finding = { ...known, isTold: true };
  await store.commit({
    refs: [
      {
        ...{ op: 'compare-and-set', name, version: ref.version, value },
        ...(ref.expiresAt === undefined ? {} : { expiresAt: ref.expiresAt }),
      },
    ],
  });
}
