// A rollout is begun: what would go wrong is refused before anything is changed, and the traffic is changed by the rollout's own workflow alone.
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  type Client,
} from '@temporalio/client';
import { allRefs } from '../activities/store';
import type { ContentStore } from '../activities/store/port';
import { SESSION_PREFIX } from '../activities/store/ref-names';
import { readRollout } from '../activities/store/rollouts';
import { isPolled } from '../infra/temporal/task-queue-pollers';
import {
  QUERY_NAMES,
  SIGNAL_NAMES,
  WORKFLOW_TYPES,
  controlQueue,
  rolloutWorkflowId,
  toolboxQueue,
} from '../workflows/contract/names';
import type {
  RolloutInput,
  RolloutKept,
  RolloutPlanned,
  RolloutSaid,
  RolloutView,
} from '../workflows/contract/rollout';
import { sessionRecordSchema } from '../workflows/contract/schemas/session-record';
import type { AgentPointer } from '../workflows/contract/schemas/traffic';
import { ClientError } from './errors';
import { pointerOf, readManifest, releaseOf, type KnownRelease } from './releases';
import { rolloutPolicy, type PolicyAsked } from './rollout-policy';
import { requireReason } from './run-requests';
import { isTemporalGone } from './temporal-gone';
import { toolboxesOf } from './release-support';
import { workersOf } from './roll-back';

export interface RolloutAsked extends PolicyAsked {
  agent: string;
  /** Its name, its hash or the beginning of it. */
  release: string;
  by: string;
  why?: string;
  /** By what new runs are kept to one of the two. @default 'session': a run without one is by itself */
  sticky?: RolloutPlanned['sticky'];
  /** Of a window that ends without a verdict. @default 'withdraw' */
  inconclusive?: RolloutPlanned['inconclusive'];
  /** Milliseconds between two looks, at least. @default 30,000 */
  everyMs?: number;
  /** Begin although open sessions have tools that the candidate lacks. */
  withoutTools?: boolean;
}

export interface PreparedRollout {
  planned: RolloutPlanned;
  /** Number of the change of traffic that it was prepared upon. */
  epoch: number;
  toolboxes: string[];
}

export const LOOK_EVERY_MS = 30_000;
const EVERY_LEAST_MS = 1_000;
const EVERY_MOST_MS = 3_600_000;

const newRolloutId = (): string =>
  `rol_${[...randomBytes(12)].map((byte) => 'abcdefghijkmnpqrstuvwxyz23456789'[byte % 32]).join('')}`;

/** All that the store alone can say against it. @throws ClientError `unknown-agent`, `invalid-input`, `refused` */
export async function prepareRollout(store: ContentStore, asked: RolloutAsked): Promise<PreparedRollout> {
  const { agent, by, why, sticky = 'session', inconclusive = 'withdraw', everyMs = LOOK_EVERY_MS } = asked;
  requireReason(why);
  const policy = rolloutPolicy(asked);
  if (!(everyMs >= EVERY_LEAST_MS && everyMs <= EVERY_MOST_MS))
    throw new ClientError('invalid-input', 'between two looks there is a second at least, and an hour at most.');
  const pointer = await pointerOf(store, agent);
  const candidate = await releaseOf(store, agent, asked.release);
  requireFree(pointer, candidate.release);
  if (!asked.withoutTools) await requireTools(store, pointer, candidate);
  await requireCode(store, agent, candidate.release);
  const { release } = candidate;
  return {
    planned: {
      ...{ id: newRolloutId(), agent, from: pointer.release, release, by, sticky, policy, inconclusive, everyMs },
      ...(why === undefined ? {} : { why }),
    },
    epoch: pointer.epoch ?? 0,
    toolboxes: [...new Set(toolboxesOf(candidate.manifest))],
  };
}

function requireFree({ agent, release, candidate }: AgentPointer, wanted: string): void {
  if (candidate)
    throw new ClientError(
      'refused',
      `rollout ${candidate.rollout} of ${agent}, of release ${candidate.release.slice(0, 12)}, is under way: see "longhaul rollout show ${agent}".`,
    );
  if (release === wanted)
    throw new ClientError(
      'refused',
      `new runs of ${agent} take release ${wanted.slice(0, 12)} already: there is nothing to compare.`,
    );
}

/** A session goes on with what it is given: one that has been told of a tool would miss it. */
async function requireTools(
  store: ContentStore,
  { agent, release }: AgentPointer,
  candidate: KnownRelease,
): Promise<void> {
  const kept = new Set(candidate.manifest.tools.map(({ name }) => name));
  const gone = (await readManifest(store, release)).tools.map(({ name }) => name).filter((name) => !kept.has(name));
  if (gone.length === 0) return;
  const open = (await allRefs(store, SESSION_PREFIX)).flatMap(({ value }) => {
    const record = sessionRecordSchema.safeParse(value).data;
    return record?.agent === agent && record.status !== 'retired' ? [record.id] : [];
  });
  if (open.length === 0) return;
  throw new ClientError(
    'refused',
    `${open.length === 1 ? `session ${open[0]}` : `${open.length} sessions`} of ${agent} may use ${gone.join(', ')}, which release ${candidate.release.slice(0, 12)} lacks: retire them, or say --without-tools.`,
  );
}

async function requireCode(store: ContentStore, agent: string, release: string): Promise<void> {
  const workers = await workersOf(store, agent);
  if (workers.some(({ loaded }) => loaded.includes(release))) return;
  const there = workers.length === 0 ? 'no worker runs this agent' : `no worker that runs ${agent} has its code`;
  throw new ClientError(
    'no-worker',
    `release ${release.slice(0, 12)} cannot be run: ${there}. Start one with its files: "longhaul dev" or "longhaul worker".`,
  );
}

export interface BeginOptions {
  temporal: Client;
  store: ContentStore;
  taskQueue: string;
}

/** Its first step is taken by a worker within milliseconds; one that is busy beyond measure takes seconds. */
const BEGUN_WITHIN_MS = 20_000;
const LOOK_MS = 50;

/**
 * @returns it as it was kept with its first step
 * @throws ClientError `refused` where another is under way, or the traffic was changed since; `no-worker`, and then nothing was begun;
 * `temporal-unreachable` where it is not known whether it begins yet
 */
export async function beginRollout(options: BeginOptions, prepared: PreparedRollout): Promise<RolloutKept> {
  const { temporal, store, taskQueue } = options;
  const { planned, epoch } = prepared;
  const { agent } = planned;
  await requireServed(options, prepared);
  const workflowId = rolloutWorkflowId(taskQueue, agent);
  const input: RolloutInput = { schemaVersion: 1, ...planned, epoch };
  let execution = await started(options, workflowId, input);
  if (execution === undefined && (await endPassedOver(options, workflowId, planned)))
    execution = await started(options, workflowId, input);
  if (execution === undefined)
    throw new ClientError('refused', `a rollout of ${agent} is under way: "longhaul rollout show ${agent}" shows it.`);
  for (const until = Date.now() + BEGUN_WITHIN_MS; Date.now() < until; await pause(LOOK_MS)) {
    const kept = await begunAs(store, planned);
    if (kept) return kept;
  }
  await callOff(temporal, { workflowId, execution }, { by: planned.by, why: 'no worker took it up in time' });
  // It may have been refused in this moment, which says more.
  await begunAs(store, planned);
  throw new ClientError(
    'no-worker',
    `no worker has taken the rollout up within ${BEGUN_WITHIN_MS / 1_000} s: it is called off.`,
  );
}

/** Undefined while nobody has taken it up. @throws ClientError `refused` where it was not begun */
async function begunAs(store: ContentStore, { agent, id }: RolloutPlanned): Promise<RolloutKept | undefined> {
  const kept = await readRollout(store, agent, id);
  if (kept?.ended && kept.steps.length === 0) throw new ClientError('refused', `it was not begun: ${kept.ended.why}`);
  return kept;
}

/**
 * Exactly this one: by the workflow's id alone it would be whichever of the agent is under way by now. One that has ended needs no word.
 * @throws ClientError `temporal-unreachable`
 */
export async function callOff(
  temporal: Pick<Client, 'workflow'>,
  { workflowId, execution }: { workflowId: string; execution: string },
  said: RolloutSaid,
): Promise<void> {
  try {
    await temporal.workflow.getHandle(workflowId, execution).signal<[RolloutSaid]>(SIGNAL_NAMES.abortRollout, said);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return;
    if (!isTemporalGone(error)) throw error;
    const message = 'no worker has taken the rollout up, and Temporal does not answer: it may begin yet.';
    throw new ClientError('temporal-unreachable', message, { cause: error });
  }
}

/** @returns its execution's id; undefined where another is under way */
async function started(
  { temporal, taskQueue }: BeginOptions,
  workflowId: string,
  input: RolloutInput,
): Promise<string | undefined> {
  try {
    const { firstExecutionRunId } = await temporal.workflow.start(WORKFLOW_TYPES.agentRollout, {
      workflowId,
      taskQueue: controlQueue(taskQueue),
      args: [input],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
      staticSummary: `rollout of ${input.agent}: ${input.release.slice(0, 12)}`,
    });
    return firstExecutionRunId;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}

/**
 * One that somebody has changed the traffic past notices it with its next look: it need not be waited for.
 * @returns whether it has ended; false too of one that does not answer in time
 */
async function endPassedOver(
  { temporal, store }: BeginOptions,
  workflowId: string,
  { agent, by }: RolloutPlanned,
): Promise<boolean> {
  try {
    // Of what is said here the next one under this id must not hear.
    const { runId } = await temporal.workflow.getHandle(workflowId).describe();
    const handle = temporal.workflow.getHandle(workflowId, runId);
    const { id, steps } = await handle.query<RolloutView>(QUERY_NAMES.rollout);
    const { candidate } = await pointerOf(store, agent);
    if (steps.length === 0 || candidate?.rollout === id) return false;
    const said: RolloutSaid = { by, why: 'its traffic was changed, and another begins' };
    await handle.signal<[RolloutSaid]>(SIGNAL_NAMES.abortRollout, said);
    await temporal.connection.withDeadline(Date.now() + BEGUN_WITHIN_MS, () => handle.result());
    return true;
  } catch (error) {
    // It has ended meanwhile; by itself, or by somebody who has terminated it.
    if (error instanceof WorkflowNotFoundError || error instanceof WorkflowFailedError) return true;
    if (isTemporalGone(error)) return false;
    throw error;
  }
}

/** @throws ClientError `no-worker` */
async function requireServed(
  { temporal, taskQueue }: BeginOptions,
  { planned, toolboxes }: PreparedRollout,
): Promise<void> {
  const { connection } = temporal;
  const { namespace } = temporal.options;
  if (!(await isPolled(connection, namespace, { taskQueue: controlQueue(taskQueue), kind: 'steps' })))
    throw new ClientError(
      'no-worker',
      `no worker looks after rollouts. Start one: "longhaul dev" or "longhaul worker".`,
    );
  for (const toolbox of toolboxes)
    if (!(await isPolled(connection, namespace, { taskQueue: toolboxQueue(taskQueue, toolbox), kind: 'calls' })))
      throw new ClientError(
        'no-worker',
        `nobody serves the toolbox ${toolbox} of release ${planned.release.slice(0, 12)}: "longhaul worker --toolbox ${toolbox}" does.`,
      );
}
