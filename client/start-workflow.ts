// The two halves of every start: the run's record in the store, then the workflow in Temporal.
import { createHash } from 'node:crypto';
import {
  WorkflowExecutionAlreadyStartedError,
  type Client,
  type WorkflowHandle,
  type WorkflowHandleWithFirstExecutionRunId,
} from '@temporalio/client';
import { SearchAttributeType, defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';
import type { ContentStore, RefWrite } from '../activities/store/port';
import { createRunRecord } from '../activities/store/create-run-record';
import type { MessageHead } from '../workflows/contract/message';
import { MEMO_KEYS, WORKFLOW_TYPES } from '../workflows/contract/names';
import type { AgentRunInput, CarriedState, RunPlan } from '../workflows/contract/run';
import type { Priority } from '../workflows/contract/quota';
import type { RunRecord } from '../workflows/contract/schemas/run-record';
import { ClientError } from './errors';
import { isTemporalGone } from './temporal-gone';

/**
 * @param stored what the run begins with, durable together with the record
 * @returns the record of an earlier start with this id
 * @throws ClientError `id-in-use`
 */
export async function recordStart(
  store: ContentStore,
  record: RunRecord,
  stored: { objects: readonly Uint8Array[]; refs?: readonly RefWrite[] },
): Promise<RunRecord | undefined> {
  const known = await createRunRecord(store, record, stored);
  if (!known) return undefined;
  if (known.erased)
    throw new ClientError('id-in-use', `run ${record.id} was erased, and its id stays taken. Choose another id.`);
  if (isSameStart(known, record)) return known;
  throw new ClientError(
    'id-in-use',
    `run ${record.id} exists already, of agent ${known.agent} with another input, tenant or origin. Choose another id.`,
  );
}

/** What makes two starts under one id one run. */
const isSameStart = (one: RunRecord, other: RunRecord): boolean =>
  one.agent === other.agent &&
  one.input === other.input &&
  one.tenant === other.tenant &&
  originOf(one) === originOf(other);

/** Without what follows from it: that may have been recorded by an earlier version, or while the other run went on. */
const originOf = ({ forkedFrom }: RunRecord): string | undefined =>
  forkedFrom && JSON.stringify([forkedFrom.run, forkedFrom.step, forkedFrom.base, forkedFrom.append]);

export interface WorkflowStart {
  record: RunRecord;
  plan: RunPlan;
  /** The first message, stored. */
  input: MessageHead;
  inspect?: boolean;
  /** @default 'normal' */
  priority?: Priority;
  /** Where a fork goes on. */
  carried?: CarriedState;
}

/** The run id is absent where another start of this id was first, and may have been continued as new since. */
export type StartedWorkflow = WorkflowHandle &
  Partial<Pick<WorkflowHandleWithFirstExecutionRunId, 'firstExecutionRunId'>>;

/** @throws ClientError `temporal-unreachable` */
export async function startWorkflow(
  { temporal, taskQueue }: { temporal: Client; taskQueue: string },
  { record, plan, input: message, inspect, priority, carried }: WorkflowStart,
): Promise<StartedWorkflow> {
  const { id, agent, release, tenant, user, session, tags } = record;
  const input: AgentRunInput = {
    schemaVersion: 1,
    agent,
    release,
    tenant,
    ...(user === undefined ? {} : { user }),
    ...(session === undefined ? {} : { session }),
    tags,
    ...(priority === undefined ? {} : { priority }),
    input: message,
    plan: inspect ? { ...plan, inspect: true } : plan,
    ...(carried ? { carried } : {}),
  };
  try {
    return await temporal.workflow.start(WORKFLOW_TYPES.agentRun, {
      workflowId: id,
      taskQueue,
      args: [input],
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      workflowIdConflictPolicy: 'USE_EXISTING',
      memo: { [MEMO_KEYS.question]: record.question },
      typedSearchAttributes: searchAttributes(record),
      staticSummary: `${agent}: ${record.question}`.slice(0, 180),
      // Of its tasks in Temporal's own queues, its activities' and its sub-agents' too.
      priority: { priorityKey: PRIORITY_KEYS[priority ?? 'normal'], fairnessKey: fairnessKeyOf(tenant) },
    });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return temporal.workflow.getHandle(id);
    if (!isTemporalGone(error)) throw error;
    const message = `Temporal does not answer; run ${id} is recorded and may have started: start it again by this id.`;
    throw new ClientError('temporal-unreachable', message, { cause: error });
  }
}

/** Of Temporal's 1 to 5, of which 3 is what a task has by itself. */
const PRIORITY_KEYS = { high: 2, normal: 3, low: 4 } as const;
const FAIRNESS_KEY_BYTES = 64;

/** Tenants share the queues, as they share a quota. Names too long for a key share by their hash. */
const fairnessKeyOf = (tenant: string): string =>
  Buffer.byteLength(tenant) <= FAIRNESS_KEY_BYTES ? tenant : createHash('sha256').update(tenant).digest('hex');

const keyword = (name: string) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);
const RUN_TAGS = defineSearchAttributeKey('RunTags', SearchAttributeType.KEYWORD_LIST);

const searchAttributes = ({ agent, release, tenant, user, session, tags }: RunRecord): SearchAttributePair[] => [
  { key: keyword('AgentName'), value: agent },
  { key: keyword('AgentRelease'), value: release.slice(0, 12) },
  { key: keyword('TenantId'), value: tenant },
  ...(user === undefined ? [] : [{ key: keyword('UserId'), value: user }]),
  ...(session === undefined ? [] : [{ key: keyword('SessionId'), value: session }]),
  ...(tags.length === 0 ? [] : [{ key: RUN_TAGS, value: tags }]),
];
