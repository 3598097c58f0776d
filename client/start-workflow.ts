// The two halves of every start: the run's record in the store, then the workflow in Temporal.
import type { Client } from '@temporalio/client';
import type { ContentStore, RefWrite } from '../activities/store/port';
import { createRunRecord } from '../activities/store/create-run-record';
import { startRun, type StartedWorkflow } from '../infra/temporal/start-run';
import { webhookWorkflowId } from '../workflows/contract/names';
import type { MessageHead } from '../workflows/contract/message';
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

/** @throws ClientError `temporal-unreachable` */
export async function startWorkflow(
  starter: { temporal: Client; taskQueue: string },
  { record, plan, input: message, inspect, priority, carried }: WorkflowStart,
): Promise<StartedWorkflow> {
  const { id, agent, release, tenant, user, session, tags, question } = record;
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
    ...(record.isWatched ? { watchedBy: webhookWorkflowId(id) } : {}),
  };
  try {
    return await startRun(starter, { id, question, input });
  } catch (error) {
    if (!isTemporalGone(error)) throw error;
    const message = `Temporal does not answer; run ${id} is recorded and may have started: start it again by this id.`;
    throw new ClientError('temporal-unreachable', message, { cause: error });
  }
}
