// A fork: a new run that begins with what another had said and done up to a step. Nothing of the other one is called again before that
// step, and everything from it on is: unlike a replay, which makes no calls at all.
import type { Client } from '@temporalio/client';
import { allRefs, createConversation } from '../activities/store';
import type { ContentStore, RefWrite } from '../activities/store/port';
import { chainsOf, runRecordName } from '../activities/store/ref-names';
import { callsOf } from '../activities/store/run-calls';
import type { CarriedState, RunTotals } from '../workflows/contract/run';
import { runRecordSchema, type RunRecord } from '../workflows/contract/schemas/run-record';
import { ClientError } from './errors';
import { firstRunIdOf } from './first-run';
import { forkBeginning, type Beginning, type ForkChanges } from './fork-beginning';
import { forkPoint, type ForkPoint } from './fork-point';
import { refuseErased } from './recorded-result';
import { currentRelease, readManifest, releaseOf, type KnownRelease } from './releases';
import { createRunHandle, type RunHandle } from './run-handle';
import { checkedLabels, newRunId, type StartOptions } from './run-labels';
import { recordStart, startWorkflow } from './start-workflow';

export interface ForkOptions extends ForkChanges, Pick<StartOptions, 'id' | 'user' | 'session' | 'tags'> {
  /** The step that is made anew, as the trace numbers them. @default behind the last: the run is taken as far as it came */
  at?: number;
  /** Hash of a release of the same agent, or its beginning; `current` for what new runs take. @default the other run's */
  release?: string;
}

export interface Forker {
  temporal: Client;
  store: ContentStore;
  taskQueue: string;
  user?: string;
}

/** @throws ClientError `run-not-found`, `invalid-input`, `unknown-agent`, `id-in-use`, `erased`, `temporal-unreachable` */
export async function forkRun(forker: Forker, run: string, options: ForkOptions): Promise<RunHandle<unknown>> {
  const id = options.id ?? newRunId();
  const tags = checkedLabels(id, options);
  const origin = await originOf(forker.store, run);
  const store = forker.store.of(origin.tenant);
  const conversation = createConversation(store);
  const firstRunId = await firstRunIdOf(store, origin);
  const { calls } = firstRunId === undefined ? { calls: [] } : await callsOf(store, firstRunId);
  const point = await forkPoint(conversation, { record: origin, calls, step: options.at ?? calls.length + 1 });
  const { release, manifest } = await releaseFor(forker.store, origin, options.release);
  const beginning = await forkBeginning({ store, conversation, origin, point, manifest }, options);
  const user = options.user ?? forker.user;
  const session = options.session ?? origin.session;
  const record: RunRecord = {
    schemaVersion: 1,
    id,
    agent: origin.agent,
    release,
    tenant: origin.tenant,
    ...(user === undefined ? {} : { user }),
    ...(session === undefined ? {} : { session }),
    tags,
    input: beginning.input.hash,
    question: beginning.title ?? origin.question,
    startedAt: Date.now(),
    forkedFrom: {
      run: origin.id,
      step: point.step,
      base: beginning.base,
      append: beginning.append.map(({ hash }) => hash),
    },
  };
  const { temporal } = forker;
  const refs = await chainsFor(store, origin.id, id);
  const known = await recordStart(store, record, { objects: beginning.objects, refs });
  if (known?.ended) return createRunHandle({ temporal, store: forker.store, id });
  const handle = await startWorkflow(forker, {
    record: known ?? record,
    plan: (known ? await readManifest(store, known.release) : manifest).plan,
    input: beginning.input,
    carried: carriedBy(record, point, beginning),
  });
  return createRunHandle({ temporal, store: forker.store, id, execution: handle });
}

async function originOf(store: ContentStore, run: string): Promise<RunRecord> {
  const ref = await store.readRef(runRecordName(run));
  if (!ref) throw new ClientError('run-not-found', `there is no run "${run.slice(0, 40)}" in this store.`);
  const record = runRecordSchema.parse(ref.value);
  refuseErased(record);
  return record;
}

async function releaseFor(store: ContentStore, { agent, release }: RunRecord, wanted?: string): Promise<KnownRelease> {
  if (wanted === undefined) return { release, manifest: await readManifest(store, release) };
  if (wanted === 'current') return await currentRelease(store, agent);
  return await releaseOf(store, agent, wanted);
}

/** The indexes of its chains, under the new run's name: so that it loads in as few round trips as the other one. */
async function chainsFor(store: ContentStore, from: string, to: string): Promise<RefWrite[]> {
  const prefix = chainsOf(from);
  const refs = await allRefs(store, prefix);
  return refs.map(({ name, value }) => ({ op: 'put', name: `${chainsOf(to)}${name.slice(prefix.length)}`, value }));
}

const NO_TOTALS: RunTotals = {
  ...{ turns: 0, modelCalls: 0, toolCalls: 0, reusedCalls: 0 },
  usage: { input: 0, cachedInput: 0, output: 0, reasoning: 0 },
};

/** As the run would have it, had it come so far by itself; but limits and totals are its own, and begin anew. */
function carriedBy({ startedAt, forkedFrom }: RunRecord, { calling }: ForkPoint, beginning: Beginning): CarriedState {
  const label = `forked from ${forkedFrom?.run} at step ${forkedFrom?.step}`;
  return {
    schemaVersion: 1,
    startedAt,
    turn: 0,
    head: beginning.base,
    length: beginning.length,
    append: beginning.append,
    badAnswersInARow: 0,
    totals: NO_TOTALS,
    steps: [{ seq: 1, kind: 'note', label, state: 'done', startedAt, endedAt: startedAt }],
    lastSeq: 1,
    messages: beginning.newest,
    ...(calling ? { calling } : {}),
  };
}
