// `longhaul erase RUN` and `erase --tenant NAME`: what a run said and did is deleted, and a tombstone says so.
import { allRefs, type ContentStore } from '../../../activities/store';
import { RUN_PREFIX, runRecordName } from '../../../activities/store/ref-names';
import { runRecordSchema, type RunRecord } from '../../../workflows/contract/schemas/run-record';
import { eraseRun } from '../erase-run';
import { ClientError } from '../../errors';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { counted } from '../format';
import { settledRecord } from '../settled-record';

export interface EraseOptions {
  tenant?: string;
  reason?: string;
  yes?: boolean;
}

/** Named of the runs that stand in the way. */
const NAMED = 5;
/** A person waits: said at the latest after so many. */
const NOTE_EVERY = 25;

export async function eraseCommand(
  context: CliContext,
  given: string | undefined,
  { tenant, reason, yes }: EraseOptions,
): Promise<number> {
  const { output, settings } = context;
  if ((given === undefined) === (tenant === undefined)) {
    throw new ClientError('invalid-input', 'name one run by its whole id, or --tenant NAME for all runs of a tenant.');
  }
  const store = context.readStore();
  const found = given === undefined ? await runsOf(store, tenant ?? '') : [await exactly(store, given)];
  const what = given ?? `${counted(found.length, 'run')} of tenant ${tenant}`;
  if (found.length === 0) throw new ClientError('run-not-found', `tenant ${tenant} has no runs in this store.`);
  if (!yes) {
    throw new ClientError(
      'invalid-input',
      `this deletes ${what} for good, here and in Temporal; --yes says that it is meant.`,
    );
  }
  // First, so that nothing is half done where no server answers.
  const { temporal } = await context.connect();
  const records = await Promise.all(found.map((record) => settledRecord(store, temporal, record)));
  refuseOpen(records);
  const erasure = {
    by: settings.identity.user ?? 'unknown',
    at: Date.now(),
    ...(reason === undefined ? {} : { reason }),
  };
  const forks = await forksOf(store, records);
  const totals = { refs: 0, executions: 0 };
  for (const [at, { id }] of records.entries()) {
    const { refs, executions } = await eraseRun({ store, temporal }, id, erasure);
    totals.refs += refs;
    totals.executions += executions;
    if ((at + 1) % NOTE_EVERY === 0) output.note(`${at + 1} of ${counted(records.length, 'run')} erased`);
  }
  output.json({ erased: records.map(({ id }) => id), ...totals, forks });
  output.line(
    `${output.safeLine(what)}  erased: ${counted(totals.refs, 'record')}, ${counted(totals.executions, 'execution')} of Temporal`,
  );
  if (forks.length > 0) output.note(`forks of it keep what they began with: ${output.safeLine(namesOf(forks))}`);
  if (totals.executions > 0) output.note('Temporal deletes a history within a minute of being asked');
  output.note('what no other run says too is freed by "longhaul gc", from a day after it first finds it');
  return EXIT.completed;
}

/** A beginning is not enough for what cannot be undone. */
async function exactly(store: ContentStore, id: string): Promise<RunRecord> {
  const ref = await store.readRef(runRecordName(id));
  if (!ref)
    throw new ClientError(
      'run-not-found',
      `there is no run "${id.slice(0, 40)}" in this store; erase takes the whole id.`,
    );
  return runRecordSchema.parse(ref.value);
}

async function runsOf(store: ContentStore, tenant: string): Promise<RunRecord[]> {
  return (await allRefs(store, RUN_PREFIX)).flatMap(({ value }) => {
    const record = runRecordSchema.safeParse(value);
    return record.success && record.data.tenant === tenant ? [record.data] : [];
  });
}

/** Not erased with them, although they hold the conversation up to their step. */
async function forksOf(store: ContentStore, erased: readonly RunRecord[]): Promise<string[]> {
  const ids = new Set(erased.map(({ id }) => id));
  return (await allRefs(store, RUN_PREFIX)).flatMap(({ value }) => {
    const { success, data } = runRecordSchema.safeParse(value);
    return success && !data.erased && !ids.has(data.id) && ids.has(data.forkedFrom?.run ?? '') ? [data.id] : [];
  });
}

const namesOf = (ids: readonly string[]): string =>
  `${ids.slice(0, NAMED).join(', ')}${ids.length > NAMED ? ', ...' : ''}`;

function refuseOpen(records: readonly RunRecord[]): void {
  const open = records.filter(({ ended, erased }) => !ended && !erased).map(({ id }) => id);
  if (open.length === 0) return;
  throw new ClientError(
    'refused',
    `${counted(open.length, 'run')} not ended: ${namesOf(open)}. Nothing was erased; cancel first: longhaul cancel RUN`,
  );
}
