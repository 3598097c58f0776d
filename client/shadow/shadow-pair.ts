// A run and its shadows as the store has them, read for a comparison.
import { createConversation, type ContentStore } from '../../activities/store';
import { allRefs } from '../../activities/store/all-refs';
import { callsOf } from '../../activities/store/run-calls';
import { runRecordName, shadowsOf, SHADOW_RUNS } from '../../activities/store/ref-names';
import { SHADOW_PREFIX } from '../../workflows/contract/names';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { ClientError } from '../errors';
import { compareShadow, type ComparedRun, type ShadowComparison } from './compare-shadow';

export type EndedRun = ComparedRun['record'];

/** All shadows of a run, oldest first, whether or not they have ended. */
export async function shadowsOfRun(store: ContentStore, run: string): Promise<RunRecord[]> {
  const refs = await allRefs(store, `${SHADOW_RUNS}${encodeURIComponent(`${SHADOW_PREFIX}${run}/`)}`);
  return refs
    .flatMap(({ value }) => runRecordSchema.safeParse(value).data ?? [])
    .filter(({ shadowOf }) => shadowOf?.run === run)
    .sort((one, other) => one.startedAt - other.startedAt);
}

/** Of an agent, newest first: without the runs of their sub-agents. @param most at the most so many */
export async function shadowsOfAgent(store: ContentStore, agent: string, most: number): Promise<RunRecord[]> {
  const found: RunRecord[] = [];
  for (const { value } of await store.listRefs(shadowsOf(agent), { limit: most })) {
    const { id } = entryOf(value);
    const record = id === undefined ? undefined : await readRun(store, id);
    if (record && !record.parent) found.push(record);
  }
  return found;
}

const entryOf = (value: unknown): { id?: string } =>
  typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string' ? { id: value.id } : {};

export async function readRun(store: ContentStore, id: string): Promise<RunRecord | undefined> {
  return runRecordSchema.safeParse((await store.readRef(runRecordName(id)))?.value).data;
}

export const hasEnded = (record: RunRecord): record is EndedRun => record.ended !== undefined;

/** @throws ApplicationFailure `Store.*` */
export async function comparedRun(store: ContentStore, record: EndedRun): Promise<ComparedRun> {
  const own = store.of(record.tenant);
  const { head, firstRunId } = record.ended;
  const [said, { calls }] = await Promise.all([
    head === null ? [] : createConversation(own).originals(head, record.id),
    callsOf(own, firstRunId),
  ]);
  return { record, said, calls };
}

/** @throws ClientError `refused` where one of them is erased or has not ended; ApplicationFailure `Store.*` */
export async function compareWithShadow(store: ContentStore, shadow: RunRecord): Promise<ShadowComparison> {
  const primary = await readRun(store, shadow.shadowOf?.run ?? '');
  if (!primary || primary.erased || shadow.erased)
    throw new ClientError(
      'refused',
      `run ${shadow.shadowOf?.run ?? shadow.id} was erased or forgotten, and cannot be compared any more.`,
    );
  if (!hasEnded(primary) || !hasEnded(shadow))
    throw new ClientError('refused', `${hasEnded(primary) ? shadow.id : primary.id} has not ended yet.`);
  const [theirs, ours] = await Promise.all([comparedRun(store, primary), comparedRun(store, shadow)]);
  return compareShadow(theirs, ours);
}
