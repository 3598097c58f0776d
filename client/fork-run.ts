// A fork: a new run that begins with what another had said and done up to a step. Nothing of the other one is called again before that
// step, and everything from it on is: unlike a replay, which makes no calls at all.
import type { Client } from '@temporalio/client';
import { createConversation } from '../activities/store';
import type { ContentStore, RefWrite } from '../activities/store/port';
import { encodeCarried } from '../activities/store/carried-state';
import { forkChains } from '../activities/store/fork-chains';
import { recordFirst } from '../activities/store/record-first';
import { runRecordName } from '../activities/store/ref-names';
import { callsOf } from '../activities/store/run-calls';
import type { TextReader } from '../activities/stream/port';
import type { ReleaseManifest } from '../workflows/contract/release';
import type { CarriedState, RunTotals } from '../workflows/contract/run';
import { runRecordSchema, type RunRecord } from '../workflows/contract/schemas/run-record';
import { ClientError } from './errors';
import { firstRunIdOf } from './first-run';
import { forkBeginning, type Beginning, type ForkChanges } from './fork-beginning';
import { forkPoint, type ForkPoint } from './fork-point';
import type { QueueClient } from './queue-client';
import { refuseErased } from './recorded-result';
import { currentRelease, readManifest, releaseOf, type KnownRelease } from './releases';
import { createRunHandle, type RunHandle } from './run-handle';
import { checkedLabels, newRunId, type StartOptions } from './run-labels';
import { startQueued, type QueuedStart } from './start-queued';
import { recordStart, startWorkflow } from './start-workflow';
import { tracedFork, traceOf } from './traced-start';

export interface ForkOptions
  extends ForkChanges, Pick<StartOptions, 'id' | 'user' | 'session' | 'tags' | 'traceparent'> {
  /** The step that is made anew, as the trace numbers them. @default behind the last: the run is taken as far as it came */
  at?: number;
  /** Hash of a release of the same agent, or its beginning; `current` for what new runs take. @default the other run's */
  release?: string;
}

export interface Forker {
  temporal: Client;
  store: ContentStore;
  taskQueue: string;
  queues: QueueClient;
  user?: string;
  texts?: TextReader;
}

/** @throws ClientError `run-not-found`, `invalid-input`, `unknown-agent`, `id-in-use`, `erased`, `queue-full`, `no-worker`, `temporal-unreachable` */
export function forkRun(forker: Forker, run: string, options: ForkOptions): Promise<RunHandle<unknown>> {
  const id = options.id ?? newRunId();
  return tracedFork(id, run, () => begin(forker, run, { ...options, id }));
}

async function begin(forker: Forker, run: string, options: ForkOptions): Promise<RunHandle<unknown>> {
  const { temporal, texts } = forker;
  const shown = texts ? { texts } : {};
  const { store, manifest, point, beginning, record: planned, ...stored } = await planFork(forker, run, options);
  if (manifest.queue !== undefined) {
    const carried = carriedBy(planned, point, beginning);
    const queued = await queueFork(forker, { store, record: planned, carried, stored }, manifest.queue);
    const place = queued.kind === 'waiting' ? { queued: queued.place } : {};
    if (queued.kind === 'waiting' || !queued.started)
      return createRunHandle({ temporal, store: forker.store, id: planned.id, ...place, ...shown });
  }
  const known = await recordStart(store, planned, stored);
  const record = known ?? planned;
  const { id } = record;
  if (record.ended) return createRunHandle({ temporal, store: forker.store, id, ...shown });
  const execution = await startWorkflow(forker, {
    record,
    plan: (known ? await readManifest(store, known.release) : manifest).plan,
    input: beginning.input,
    carried: carriedBy(record, point, beginning),
  });
  const { firstExecutionRunId: first } = execution;
  if (first !== undefined) await recordFirst(store, record, { head: beginning.base, length: beginning.length }, first);
  return createRunHandle({ temporal, store: forker.store, id, execution, ...shown });
}

interface QueuedFork {
  store: ContentStore;
  record: RunRecord;
  carried: CarriedState;
  stored: { objects: Uint8Array[]; refs: RefWrite[] };
}

/** As every start through a queue; what it goes on with is stored until it begins. */
async function queueFork(
  { queues }: Forker,
  { store, record, carried, stored: { objects, refs } }: QueuedFork,
  name: string,
): Promise<QueuedStart> {
  const found = await queues.find(name, record.id);
  const bytes = encodeCarried(carried);
  const queue = { name, workflow: found.workflow, asked: 1, carried: store.nameOf(bytes) };
  return await startQueued({ store, queues }, { ...record, queue }, { objects: [...objects, bytes], refs, found });
}

export interface PlannedFork {
  /** As the run's tenant names things. */
  store: ContentStore;
  manifest: ReleaseManifest;
  point: ForkPoint;
  beginning: Beginning;
  record: RunRecord;
  /** To be stored with the record, which names them. */
  objects: Uint8Array[];
  refs: RefWrite[];
}

/** All that a fork is, before anything of it is stored or started. */
export async function planFork(
  forker: Pick<Forker, 'store' | 'user'>,
  run: string,
  options: ForkOptions,
): Promise<PlannedFork> {
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
  const { step, after, calling } = point;
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
    ...traceOf(options.traceparent),
    forkedFrom: {
      run: origin.id,
      step,
      base: beginning.base,
      append: beginning.append.map(({ hash }) => hash),
      ...(after ? { after } : {}),
      ...(calling ? { calling } : {}),
    },
  };
  const chains = await forkChains(conversation, { from: origin.id, to: id }, beginning.linked);
  const objects = [...beginning.objects, ...chains.objects];
  return { store, manifest, point, beginning, record, objects, refs: chains.refs };
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

const NO_TOTALS: RunTotals = {
  ...{ turns: 0, modelCalls: 0, toolCalls: 0, reusedCalls: 0 },
  usage: { input: 0, cachedInput: 0, output: 0, reasoning: 0 },
};

/** As the run would have it, had it come so far by itself; but limits and totals are its own, and begin anew. */
function carriedBy({ startedAt, forkedFrom }: RunRecord, point: ForkPoint, beginning: Beginning): CarriedState {
  // Of an earlier start with this id it is what its record names, and keeps.
  const calling = forkedFrom?.calling ?? point.calling;
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
