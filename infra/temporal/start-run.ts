// A recorded run becomes a workflow: the one place where one is started from outside of Temporal, for callers, queues and sessions alike.
import { createHash } from 'node:crypto';
import {
  WorkflowExecutionAlreadyStartedError,
  type Client,
  type WorkflowHandle,
  type WorkflowHandleWithFirstExecutionRunId,
} from '@temporalio/client';
import { SearchAttributeType, defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';
import { isShadowId, MEMO_KEYS, SHADOW_PREFIX, WORKFLOW_TYPES } from '../../workflows/contract/names';
import type { AgentRunInput } from '../../workflows/contract/run';

export interface RunStart {
  /** Of the run, and of its workflow. */
  id: string;
  /** What people read of it. */
  question: string;
  input: AgentRunInput;
}

/** The run id is absent where another start of this id was first, and may have been continued as new since. */
export type StartedWorkflow = WorkflowHandle &
  Partial<Pick<WorkflowHandleWithFirstExecutionRunId, 'firstExecutionRunId'>>;

/** Started twice it is one run. @throws what Temporal's client throws where no server answers */
export async function startRun(
  { temporal, taskQueue }: { temporal: Pick<Client, 'workflow'>; taskQueue: string },
  { id, question, input }: RunStart,
): Promise<StartedWorkflow> {
  try {
    return await temporal.workflow.start(WORKFLOW_TYPES.agentRun, {
      workflowId: id,
      taskQueue,
      args: [input],
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      workflowIdConflictPolicy: 'USE_EXISTING',
      memo: { [MEMO_KEYS.question]: question },
      typedSearchAttributes: searchAttributes(input),
      staticSummary: `${input.agent}: ${question}`.slice(0, 180),
      // Of its tasks in Temporal's own queues, its activities' and its sub-agents' too.
      priority: {
        // Behind whatever anybody waits for, and in nobody's share.
        ...(isShadowId(id)
          ? { priorityKey: LAST_PRIORITY_KEY, fairnessKey: SHADOW_PREFIX }
          : {
              priorityKey: PRIORITY_KEYS[input.priority ?? 'normal'],
              fairnessKey: fairnessKeyOf(input.tenant),
            }),
      },
    });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return temporal.workflow.getHandle(id);
    throw error;
  }
}

/** Of Temporal's 1 to 5, of which 3 is what a task has by itself. */
const PRIORITY_KEYS = { high: 2, normal: 3, low: 4 } as const;
const LAST_PRIORITY_KEY = 5;
const FAIRNESS_KEY_BYTES = 64;

/** Tenants share the queues, as they share a quota. Names too long for a key share by their hash. */
const fairnessKeyOf = (tenant: string): string =>
  Buffer.byteLength(tenant) <= FAIRNESS_KEY_BYTES ? tenant : createHash('sha256').update(tenant).digest('hex');

const keyword = (name: string) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);
const RUN_TAGS = defineSearchAttributeKey('RunTags', SearchAttributeType.KEYWORD_LIST);

const searchAttributes = ({ agent, release, tenant, user, session, tags }: AgentRunInput): SearchAttributePair[] => [
  { key: keyword('AgentName'), value: agent },
  { key: keyword('AgentRelease'), value: release.slice(0, 12) },
  { key: keyword('TenantId'), value: tenant },
  ...(user === undefined ? [] : [{ key: keyword('UserId'), value: user }]),
  ...(session === undefined ? [] : [{ key: keyword('SessionId'), value: session }]),
  ...(tags.length === 0 ? [] : [{ key: RUN_TAGS, value: tags }]),
];
