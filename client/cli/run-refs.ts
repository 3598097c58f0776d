// What the store keeps of a run, beside its record: the refs that go when the run does. Objects that nothing else names are garbage then.
import { z } from 'zod';
import { allRefs, type ContentStore } from '../../activities/store';
import {
  callsOfFirst,
  chainsOf,
  effectsOfFirst,
  headName,
  inboxOf,
  openRunName,
  requestsOfFirst,
  subRunName,
  saidOfFirst,
  scoresOf,
  shadowsWantedOf,
  webhookName,
} from '../../activities/store/ref-names';
import type { Ref } from '../../activities/store/port';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';

/** Deleted side by side: as many as a store commits together. */
const AT_ONCE = 50;

/** Heads last: an erasure that was cut off finds the calls by them. */
export async function runRefNames(store: ContentStore, { id, ended }: RunRecord): Promise<string[]> {
  const heads = await allRefs(store, headName(id, ''));
  // Calls are recorded under the first execution's run id, which one of the heads' names is.
  const runIds = heads.map(({ name }) => decodeURIComponent(name.slice(headName(id, '').length)));
  const executions = new Set([...(ended ? [ended.firstRunId] : []), ...runIds]);
  const made = Array.from(executions, (runId) => [
    callsOfFirst(runId),
    effectsOfFirst(runId),
    requestsOfFirst(runId),
    saidOfFirst(runId),
  ]).flat();
  const calls = await Promise.all(made.map((prefix) => allRefs(store, prefix)));
  const kept = await Promise.all(
    [chainsOf(id), inboxOf(id), scoresOf(id), shadowsWantedOf(id)].map((prefix) => allRefs(store, prefix)),
  );
  const shared = await sharedBy(store, id, calls.flat());
  return [...shared, ...[...calls.flat(), ...kept.flat(), ...heads].map(({ name }) => name)];
}

/** Answers of the run that others are given too: another run's may have taken the place of one. */
async function sharedBy(store: ContentStore, run: string, calls: readonly Ref[]): Promise<string[]> {
  const names = calls.flatMap(({ value }) => sharedSchema.safeParse(value).data?.shared ?? []);
  const kept = await Promise.all(names.map((name) => store.readRef(name)));
  return kept.flatMap((ref) => (ref && answeredSchema.safeParse(ref.value).data?.run === run ? [ref.name] : []));
}
const sharedSchema = z.object({ shared: z.string() });
const answeredSchema = z.object({ state: z.literal('answered'), run: z.string() });

/** Repeating it finishes what an earlier one did not. @returns how many refs were deleted */
export async function deleteRunRefs(store: ContentStore, record: RunRecord): Promise<number> {
  const names = await runRefNames(store, record);
  let deleted = 0;
  for (let at = 0; at < names.length; at += AT_ONCE) {
    const gone = await Promise.all(names.slice(at, at + AT_ONCE).map((name) => store.deleteRef(name)));
    deleted += gone.filter(Boolean).length;
  }
  await store.deleteRef(openRunName(record.id));
  // Nobody is told of it any more.
  await store.deleteRef(webhookName(record.id));
  // Last: by it an erasure that was cut off finds the run again.
  if (record.parent) await store.deleteRef(subRunName(record.parent.root, record.id));
  return deleted;
}
