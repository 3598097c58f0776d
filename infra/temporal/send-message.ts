// A message to a session, which the first one starts: the one place where one is sent from, by callers and by schedules alike.
import { WithStartWorkflowOperation, WorkflowNotFoundError, type Client } from '@temporalio/client';
import { SearchAttributeType, defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';
import { UPDATE_NAMES, WORKFLOW_TYPES, controlQueue, sessionWorkflowId } from '../../workflows/contract/names';
import type { SendAnswer, SendRequest, SessionInput, SessionResult } from '../../workflows/contract/session';

type SessionWorkflow = (input: SessionInput) => Promise<SessionResult>;

const keyword = (name: string) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);
/** A session that falls asleep in the moment in which it is sent something has not heard it: the next try begins it anew. */
const TRIES = 5;

export interface SessionStart {
  workflowId: string;
  taskQueue: string;
  args: [SessionInput];
  staticSummary: string;
  typedSearchAttributes: SearchAttributePair[];
}

/** How its workflow is started, whatever it is that starts it: people find it by the same attributes. */
export const sessionStart = (taskQueue: string, input: SessionInput): SessionStart => ({
  workflowId: sessionWorkflowId(input.session),
  taskQueue: controlQueue(taskQueue),
  args: [input],
  staticSummary: `session ${input.session} of ${input.agent}`.slice(0, 180),
  typedSearchAttributes: [
    { key: keyword('AgentName'), value: input.agent },
    { key: keyword('TenantId'), value: input.tenant },
    { key: keyword('SessionId'), value: input.session },
  ],
});

/**
 * @param readInput asked anew at each try: where the session has come to meanwhile is where it goes on
 * @throws WorkflowUpdateFailedError where it is refused; what Temporal's client throws where no server or worker answers
 */
export async function sendMessage(
  { temporal, taskQueue }: { temporal: Pick<Client, 'workflow'>; taskQueue: string },
  readInput: () => Promise<SessionInput>,
  request: SendRequest,
): Promise<SendAnswer> {
  for (let tried = 1; ; tried += 1) {
    const startWorkflowOperation = new WithStartWorkflowOperation<SessionWorkflow>(WORKFLOW_TYPES.agentSession, {
      ...sessionStart(taskQueue, await readInput()),
      workflowIdConflictPolicy: 'USE_EXISTING',
    });
    try {
      // Without an id of its own: the server would answer a repeat as it answered the first, whatever that one said.
      return await temporal.workflow.executeUpdateWithStart<SessionWorkflow, SendAnswer, [SendRequest]>(
        UPDATE_NAMES.send,
        { args: [request], startWorkflowOperation },
      );
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError) || tried === TRIES) throw error;
    }
  }
}
