// What a run still asked when it ended: nobody need answer it, and whoever was told of it is told so.
import { inboxEntrySchema, requestRecordSchema, type RequestRecord } from '../workflows/contract/schemas/approval';
import type { ActivityDeps } from './deps';
import { allRefs } from './store/all-refs';
import { inboxOf } from './store/ref-names';

export type WithdrawDeps = Pick<ActivityDeps, 'store' | 'now' | 'tellPeople'>;

/** Another system is told once, whether or not it hears it: an end waits for nobody. Repeating it changes nothing but that. */
export async function withdrawRequests(deps: WithdrawDeps, workflowId: string): Promise<void> {
  const entries = await allRefs(deps.store, inboxOf(workflowId));
  await Promise.all(
    entries.map(async ({ name, value }) => {
      const withdrawn = await withdraw(deps, value);
      if (withdrawn) await tell(deps, withdrawn).catch(() => undefined);
      await deps.store.deleteRef(name);
    }),
  );
}

/** @returns undefined where it is decided, or gone */
async function withdraw({ store, now }: WithdrawDeps, entry: unknown): Promise<RequestRecord | undefined> {
  const name = inboxEntrySchema.safeParse(entry).data?.request;
  const stored = name === undefined ? undefined : await store.readRef(name);
  const record = requestRecordSchema.safeParse(stored?.value).data;
  if (name === undefined || !stored || !record || record.decision) return undefined;
  if (record.withdrawnAt !== undefined) return record;
  const value: RequestRecord = { ...record, withdrawnAt: now() };
  const { conflicts } = await store.commit({
    refs: [{ op: 'compare-and-set', name, version: stored.version, value }],
  });
  return conflicts.length === 0 ? value : undefined;
}

async function tell({ tellPeople }: WithdrawDeps, { id, agent, tenant, request }: RequestRecord): Promise<void> {
  await tellPeople?.({ about: 'withdrawn', run: id, agent, tenant, request });
}
