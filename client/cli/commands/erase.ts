// `longhaul erase RUN` and `erase --tenant NAME`: what a run said and did is deleted, and a tombstone says so.
import { allRefs, type ContentStore } from '../../../activities/store';
import {
  cacheOfTenant,
  RUN_PREFIX,
  runRecordName,
  sessionRecordName,
  SHADOW_RUNS,
} from '../../../activities/store/ref-names';
import { runRecordSchema, type RunRecord } from '../../../workflows/contract/schemas/run-record';
import { eraseRun } from '../erase-run';
import { eraseSession, sessionsOf, sessionsWith } from '../erase-sessions';
import { shadowsOfRun } from '../../shadow/shadow-pair';
import { subRunsUnder } from '../../sub-runs';
import { shadowsToErase } from '../shadows-to-erase';
import { ClientError } from '../../errors';
import { forgetWatched } from '../forget-watched';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { counted, formatDuration } from '../../format';
import { shellWord } from '../../shell-word';
import { START_MS, settledOrLost } from '../lost-run';

export interface EraseOptions {
  tenant?: string;
  session?: string;
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
  { tenant, session, reason, yes }: EraseOptions,
): Promise<number> {
  const { output, settings } = context;
  const store = context.readStore();
  const { found: named, sessions, what } = await toErase(store, given, { tenant, session });
  const shadows = (): Promise<RunRecord[]> => shadowsToErase(store, { run: given, session, tenant, runs: named });
  const found = [...named, ...(await shadows())];
  if (!yes) {
    throw new ClientError(
      'invalid-input',
      `this deletes ${what} for good, here and in Temporal; --yes says that it is meant.`,
    );
  }
  // First, so that nothing is half done where no server answers.
  const { temporal, address, namespace } = await context.connect();
  const settled = await Promise.all(found.map((record) => settledOrLost(store, temporal, record, Date.now())));
  const records = settled.map(({ record }) => record);
  refuseOpen(records);
  const erasure = {
    by: settings.identity.user ?? 'unknown',
    at: Date.now(),
    ...(reason === undefined ? {} : { reason }),
  };
  const forks = await forksOf(store, records);
  const lost = settled.flatMap(({ record, isLost }) => (isLost ? [record.id] : []));
  const totals = { refs: tenant === undefined ? 0 : await forgetAnswers(store, tenant), executions: 0 };
  for (const id of sessions) {
    const { refs, executions } = await eraseSession({ store, temporal }, id);
    totals.refs += refs;
    totals.executions += executions;
  }
  for (const [at, { id }] of records.entries()) {
    const { refs, executions } = await eraseRun({ store, temporal }, id, erasure);
    totals.refs += refs;
    totals.executions += executions;
    if ((at + 1) % NOTE_EVERY === 0) output.note(`${at + 1} of ${counted(records.length, 'run')} erased`);
  }
  totals.refs += await forgetWatched(store, new Set(records.map(({ id }) => id)));
  // One that was being begun meanwhile: whoever began it saw that its run was still there.
  const left = (await shadows()).filter(({ id, erased }) => !erased && !found.some((one) => one.id === id));
  const keeping = sessionsWith(records).filter((id) => !sessions.includes(id));
  output.json({
    erased: records.map(({ id }) => id),
    ...totals,
    lost,
    forks,
    sessions,
    keeping,
    left: left.map(({ id }) => id),
  });
  output.line(
    `${output.safeLine(what)}  erased: ${counted(totals.refs, 'record')}, ${counted(totals.executions, 'execution')} of Temporal`,
  );
  if (lost.length > 0)
    output.note(
      `never started, or no longer known to Temporal at ${address}, namespace ${namespace}: ${output.safeLine(namesOf(lost))}`,
    );
  if (forks.length > 0) output.note(`forks of it keep what they began with: ${output.safeLine(namesOf(forks))}`);
  if (keeping.length > 0)
    output.note(
      `what it said stands in its session, and in runs after it, too: longhaul erase --session ${namesOf(keeping.map(shellWord))}`,
    );
  if (totals.executions > 0) output.note('Temporal deletes a history within a minute of being asked');
  output.note('what no other run says too is freed by "longhaul gc", from a day after it first finds it');
  if (left.length === 0) return EXIT.completed;
  const ids = output.safeLine(namesOf(left.map(({ id }) => id)));
  output.note(`begun meanwhile, and not erased: ${ids}. Erase the same again once it has ended`);
  return EXIT.failed;
}

interface ToErase {
  found: RunRecord[];
  /** Ids. */
  sessions: string[];
  what: string;
}

/** @throws ClientError `invalid-input`, `run-not-found`, `refused` */
async function toErase(
  store: ContentStore,
  run: string | undefined,
  { tenant, session }: { tenant: string | undefined; session: string | undefined },
): Promise<ToErase> {
  const named = [run, tenant, session].filter((one) => one !== undefined);
  if (named.length !== 1)
    throw new ClientError(
      'invalid-input',
      'name one run by its whole id, --session ID for all of a session, or --tenant NAME for all runs of a tenant.',
    );
  if (run !== undefined) {
    if (!(await store.readRef(runRecordName(run))) && (await shadowsOfRun(store, run)).length > 0)
      return { found: [], sessions: [], what: `shadows of run ${run}` };
    const found = await withSubRuns(store, await exactly(store, run));
    return { found, sessions: [], what: runsText(run, found.length - 1) };
  }
  if (session !== undefined) {
    const own = (await allRuns(store)).filter((record) => record.goesOnFrom && record.session === session);
    const found = (await Promise.all(own.map((record) => withSubRuns(store, record)))).flat();
    const isThere = found.length > 0 || (await store.readRef(sessionRecordName(session))) !== undefined;
    if (!isThere && (await shadowsToErase(store, { session, runs: [] })).length === 0)
      throw new ClientError('run-not-found', `there is no session "${session.slice(0, 40)}" in this store.`);
    return { found, sessions: [session], what: `${counted(found.length, 'run')} of session ${session}` };
  }
  const found = await runsOf(store, tenant ?? '', RUN_PREFIX);
  const shadows = await runsOf(store, tenant ?? '', SHADOW_RUNS);
  const sessions = (await sessionsOf(store, tenant ?? '')).map(({ id }) => id);
  if (found.length + shadows.length + sessions.length === 0)
    throw new ClientError('run-not-found', `tenant ${tenant} has no runs in this store.`);
  return { found, sessions, what: `${counted(found.length, 'run')} of tenant ${tenant}` };
}

const allRuns = async (store: ContentStore): Promise<RunRecord[]> =>
  (await allRefs(store, RUN_PREFIX)).flatMap(({ value }) => runRecordSchema.safeParse(value).data ?? []);

/** What the tenant's questions are answered with, whichever of its runs asked. */
async function forgetAnswers(store: ContentStore, tenant: string): Promise<number> {
  const names = (await allRefs(store, cacheOfTenant(tenant))).map(({ name }) => name);
  return (await Promise.all(names.map((name) => store.deleteRef(name)))).filter(Boolean).length;
}

const runsText = (id: string, below: number): string =>
  below === 0 ? id : `${id} and ${counted(below, 'run')} of its sub-agents`;

/** What sub-agents said and did, they did for it. */
const withSubRuns = async (store: ContentStore, record: RunRecord): Promise<RunRecord[]> => [
  record,
  ...(await subRunsUnder(store, record)),
];

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

/** @throws ClientError `refused` when a record that may be the tenant's cannot be read: what is left out would seem to be erased */
async function runsOf(store: ContentStore, tenant: string, prefix: string): Promise<RunRecord[]> {
  const refs = await allRefs(store, prefix);
  const unreadable = refs.filter(({ value }) => !runRecordSchema.safeParse(value).success && mayBeOf(tenant, value));
  if (unreadable.length > 0) {
    const ids = unreadable.map(({ name }) => decodeURIComponent(name.slice(prefix.length)));
    throw new ClientError(
      'refused',
      `${counted(ids.length, 'record')} not readable by this version, of this tenant or of whom is not known: ${namesOf(ids)}. Nothing was erased; use the version that wrote them, or erase the others one by one.`,
    );
  }
  return refs.flatMap(({ value }) => {
    const record = runRecordSchema.safeParse(value);
    return record.success && record.data.tenant === tenant ? [record.data] : [];
  });
}

const tenantSchema = runRecordSchema.pick({ tenant: true });
function mayBeOf(tenant: string, value: unknown): boolean {
  const { success, data } = tenantSchema.safeParse(value);
  return !success || data.tenant === tenant;
}

/** Forks of forks too, whatever was erased in between: each holds the conversation up to its step, and is not erased with it. */
async function forksOf(store: ContentStore, erased: readonly RunRecord[]): Promise<string[]> {
  const forks = new Map<string, RunRecord[]>();
  for (const { value } of await allRefs(store, RUN_PREFIX)) {
    const { data } = runRecordSchema.safeParse(value);
    if (data?.forkedFrom) forks.set(data.forkedFrom.run, [...(forks.get(data.forkedFrom.run) ?? []), data]);
  }
  const ids = new Set(erased.map(({ id }) => id));
  const found = new Map<string, RunRecord>();
  const open = [...ids];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    for (const fork of forks.get(id) ?? []) {
      if (ids.has(fork.id) || found.has(fork.id)) continue;
      found.set(fork.id, fork);
      open.push(fork.id);
    }
  }
  return [...found.values()].flatMap(({ id, erased: isErased }) => (isErased ? [] : [id]));
}

const namesOf = (ids: readonly string[]): string =>
  `${ids.slice(0, NAMED).join(', ')}${ids.length > NAMED ? ', ...' : ''}`;

function refuseOpen(records: readonly RunRecord[]): void {
  const open = records.filter(({ ended, erased }) => !ended && !erased).map(({ id }) => id);
  if (open.length === 0) return;
  throw new ClientError(
    'refused',
    `${counted(open.length, 'run')} not ended: ${namesOf(open)}. Nothing was erased; cancel first: longhaul cancel RUN. One that Temporal does not know can be erased ${formatDuration(START_MS)} after its start`,
  );
}
