// How this process reaches its quotas and the budgets of tenants: by updates to their workflows, each of which the first request starts.
import { Client, WithStartWorkflowOperation, WorkflowNotFoundError } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import type { QuotaSettings } from '../activities/gateway/quota/gateway-quota';
import { dataConverterFor, type KeyRing } from '../activities/keys';
import {
  QUERY_NAMES,
  UPDATE_NAMES,
  WORKFLOW_TYPES,
  budgetId,
  controlQueue,
  quotaId,
} from '../workflows/contract/names';
import type { LeaseAnswer, LeaseRequest, LedgerState, QuotaInput } from '../workflows/contract/quota';

/** Then the same is asked again. Longer than a worker that is gone keeps a workflow task. */
const ANSWER_MS = 4_000;
/** To read a whole history again takes longer than an answer does. Then it counts as lost. */
const LEFT_MS = 10_000;
/** A task takes milliseconds: one that its worker has died with is given to another after so long. */
const TASK_TIMEOUT = '2s';

export interface AuthorityOptions {
  connection: NativeConnection;
  namespace: string;
  taskQueue: string;
  identity: string;
  keys?: KeyRing;
}

type QuotaWorkflow = (input: QuotaInput) => Promise<never>;

export type AskQuota = (route: string, settings: QuotaSettings, request: LeaseRequest) => Promise<LeaseAnswer>;
export type AskBudget = (tenant: string, request: LeaseRequest) => Promise<LeaseAnswer>;

export function askQuotas(options: AuthorityOptions): AskQuota {
  const ask = asking(options);
  return (route, { key }, request) =>
    ask({ workflowId: quotaId(options.taskQueue, route, key), of: route, summary: `quota of ${route}` }, request);
}

export function askBudgets(options: AuthorityOptions): AskBudget {
  const ask = asking(options);
  return (tenant, request) => {
    const workflowId = budgetId(options.taskQueue, tenant);
    return ask({ workflowId, of: tenant, summary: `budget of tenant ${tenant}` }, request);
  };
}

interface Authority {
  workflowId: string;
  of: string;
  summary: string;
}

function asking({ connection, namespace, taskQueue, identity, keys }: AuthorityOptions) {
  const client = new Client({ connection, namespace, identity, dataConverter: dataConverterFor(keys) });
  return async ({ workflowId, of, summary }: Authority, request: LeaseRequest): Promise<LeaseAnswer> => {
    // The server knows it again, too, within one execution.
    const update = { args: [request] as [LeaseRequest], updateId: `${request.worker}/${request.seq}` };
    const within = async <T>(ms: number, call: () => Promise<T>): Promise<T> =>
      await connection.withDeadline(Date.now() + ms, call);
    const ask = async (): Promise<LeaseAnswer> =>
      await client.workflow
        .getHandle(workflowId)
        .executeUpdate<LeaseAnswer, [LeaseRequest]>(UPDATE_NAMES.lease, update);
    const begin = async (left: LeftBy): Promise<LeaseAnswer> => {
      const input: QuotaInput = { schemaVersion: 1, route: of, ...left };
      const startWorkflowOperation = new WithStartWorkflowOperation<QuotaWorkflow>(WORKFLOW_TYPES.quota, {
        workflowId,
        taskQueue: controlQueue(taskQueue),
        workflowIdConflictPolicy: 'USE_EXISTING',
        workflowTaskTimeout: TASK_TIMEOUT,
        args: [input],
        staticSummary: summary,
      });
      return await client.workflow.executeUpdateWithStart<QuotaWorkflow, LeaseAnswer, [LeaseRequest]>(
        UPDATE_NAMES.lease,
        {
          ...update,
          startWorkflowOperation,
        },
      );
    };
    try {
      return await within(ANSWER_MS, ask);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
    const left = await within(LEFT_MS, () => leftBy(client, workflowId));
    return await within(ANSWER_MS, () => begin(left));
  };
}

type LeftBy = Pick<QuotaInput, 'carried' | 'isHeir'>;

/**
 * What the quota before this one knew, where somebody has ended it: its history has every answer that it gave. Nothing where there was none
 * before, or where nothing is left of it.
 */
async function leftBy(client: Client, workflowId: string): Promise<LeftBy> {
  const before = client.workflow.getHandle(workflowId);
  try {
    await before.describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return {};
    throw error;
  }
  try {
    return { carried: await before.query<LedgerState>(QUERY_NAMES.ledger) };
  } catch {
    // Nobody could read it, whatever the reason: no request waits for that for ever, and none is sent because of it.
    return { isHeir: true };
  }
}
