// Asks for the shadow of one run, by command: taken up by a control worker once the run has ended, or at once where it has.
import type { ContentStore } from '../../activities/store';
import { runRecordName } from '../../activities/store/ref-names';
import { mayBeShadowed, wantShadow } from '../../activities/store/wanted-shadows';
import { isShadowId, shadowRunId } from '../../workflows/contract/names';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import type { ReadsOfShadows } from '../../workflows/contract/schemas/shadow';
import { ClientError } from '../errors';
import { refuseErased } from '../recorded-result';
import { releaseOf, currentRelease } from '../releases';
import { workersOf } from '../roll-back';

export interface WantedShadowOptions {
  /** Its name, its hash or the beginning of it, or `current`; that of the run itself shows what differs by chance. */
  release: string;
  by: string;
  /** @default 'recorded' */
  reads?: ReadsOfShadows;
}

export interface WantedShadowOf {
  /** Id of the shadow. */
  id: string;
  run: RunRecord;
  /** Hash of the release that it runs. */
  release: string;
  /** The run's own release: whatever differs is noise. */
  isFloor: boolean;
  /** It was begun before, by the same id: there is no second. */
  known?: RunRecord;
}

/** @throws ClientError `run-not-found`, `erased`, `invalid-input`, `refused` */
export async function shadowRun(
  store: ContentStore,
  run: string,
  { release: given, by, reads }: WantedShadowOptions,
): Promise<WantedShadowOf> {
  const record = runRecordSchema.safeParse((await store.readRef(runRecordName(run)))?.value).data;
  if (!record) throw new ClientError('run-not-found', `there is no run "${run.slice(0, 40)}" in this store.`);
  refuseErased(record);
  requireShadowable(record);
  const { agent } = record;
  const { release } = given === 'current' ? await currentRelease(store, agent) : await releaseOf(store, agent, given);
  await requireBeginning(store, record);
  await requireWorker(store, agent, release);
  const id = shadowRunId(run, release);
  const known = runRecordSchema.safeParse((await store.readRef(runRecordName(id)))?.value).data;
  const about = { id, run: record, release, isFloor: release === record.release };
  if (known) return { ...about, known };
  await store.commit({
    refs: [wantShadow({ schemaVersion: 1, run, agent, release, at: Date.now(), by, ...(reads ? { reads } : {}) })],
  });
  return about;
}

function requireShadowable({ id, parent, ended }: RunRecord): void {
  const refuse = (why: string): never => {
    throw new ClientError('refused', why);
  };
  if (isShadowId(id)) refuse(`${id} is a shadow itself: shadow the run that it is of.`);
  if (parent) refuse(`run ${id} is a sub-agent's: shadow the run that has called it, ${parent.root}.`);
  if (!mayBeShadowed(id)) refuse(`the id of run ${id.slice(0, 40)}... is too long for one of a shadow.`);
  if (ended?.outcome === 'cancelled')
    refuse(`run ${id} was cancelled: it came to no end that another could be compared with.`);
  if (ended?.firstRunId === '') refuse(`run ${id} has never begun: there is nothing to compare with.`);
}

/** What has been collected since cannot be begun with again. */
async function requireBeginning(
  store: ContentStore,
  { id, input, release, goesOnFrom, ended }: RunRecord,
): Promise<void> {
  const names = [input, release, ...[goesOnFrom?.base, ended?.head].flatMap((name) => name ?? [])];
  if ((await store.has(names)).every(Boolean)) return;
  throw new ClientError('refused', `what run ${id} began with, or what it said, is not in this store any more.`);
}

/** Where a worker would not run it, its shadow would wait for one: nobody would be told. */
export async function requireWorker(store: ContentStore, agent: string, release: string): Promise<void> {
  const workers = await workersOf(store, agent);
  if (workers.length === 0 || workers.some(({ strict, loaded }) => !strict || loaded.includes(release))) return;
  throw new ClientError(
    'refused',
    `no worker that lives has release ${release.slice(0, 12)} of ${agent} loaded: start one with its code.`,
  );
}
