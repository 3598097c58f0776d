// What a caller who is told of a run must be told by now, as the store has it, and Temporal where a run has ended without a word.
import { inboxEntrySchema, requestRecordSchema } from '../../workflows/contract/schemas/approval';
import { webhookRecordSchema } from '../../workflows/contract/schemas/webhook';
import type { RunAsks, WatchedRun, WebhookInput } from '../../workflows/contract/webhook';
import { allRefs } from '../store';
import { inboxOf, webhookName } from '../store/ref-names';
import type { ControlDeps } from './control-deps';
import { findRunEnd, readRun } from './find-run-end';

/** Repeating it changes nothing. @returns undefined where nobody is to be told any more @throws ApplicationFailure `Store.*` */
export async function lookAtRun(
  deps: ControlDeps,
  { watch, run }: Pick<WebhookInput, 'watch' | 'run'>,
): Promise<WatchedRun | undefined> {
  const webhook = webhookRecordSchema.safeParse((await deps.store.readRef(webhookName(watch)))?.value).data;
  if (!webhook) return undefined;
  const record = (await readRun(deps.store, run))?.record;
  // A message waits in its session, and nobody has begun its run.
  if (!record) return { isOver: false, asks: [] };
  if (record.erased) return undefined;
  const isOver = record.ended !== undefined || (await hasEnded(deps, run));
  return { isOver, asks: isOver || !webhook.events.includes('run.asks') ? [] : await askedBy(deps, run) };
}

async function hasEnded(deps: ControlDeps, run: string): Promise<boolean> {
  const told = await deps.executions.endOf(run);
  // One that Temporal does not know waits for its place, or to be started again by its id.
  if (typeof told === 'string') return false;
  return (await findRunEnd(deps, run)) !== undefined;
}

async function askedBy({ store }: ControlDeps, run: string): Promise<RunAsks[]> {
  const entries = await allRefs(store, inboxOf(run));
  const asked = await Promise.all(
    entries.map(async ({ value }) => {
      const name = inboxEntrySchema.safeParse(value).data?.request;
      const request = requestRecordSchema.safeParse(name && (await store.readRef(name))?.value).data;
      return request && !request.decision ? [{ run, number: request.request.number }] : [];
    }),
  );
  return asked.flat();
}
