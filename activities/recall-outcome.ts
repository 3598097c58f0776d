// The built-in tool as a tool call: it reads the run's own conversation, which no other tool does.
import type { CallToolInput } from '../workflows/contract/activities';
import type { ToolCallPart } from '../workflows/contract/message';
import { RECALL_TOOL } from '../workflows/contract/names';
import { visiblePositions } from './store/original-messages';
import { recall } from './context/recall';
import type { ActivityDeps, Attempt, LoadedAgent } from './deps';
import { failureParts } from './failure-parts';
import type { ToolOutcome } from './run-tool';
import { chainName } from './store/ref-names';

/** An agent's own tool of that name is another one. */
export const isRecall = ({ manifest }: LoadedAgent, { name, head }: CallToolInput): boolean =>
  name === RECALL_TOOL && head !== undefined && !manifest.tools.some((tool) => tool.name === name);

/** @throws ApplicationFailure `Store.*` */
export async function recallOutcome(
  { conversation }: Pick<ActivityDeps, 'conversation'>,
  { head = '' }: CallToolInput,
  { workflowId }: Attempt,
  call: ToolCallPart,
): Promise<ToolOutcome> {
  const entries = await conversation.load(head, chainName(workflowId));
  const originals = await conversation.originals(head, workflowId);
  try {
    const text = recall(
      call.arguments,
      originals.map(({ message }) => message),
      visiblePositions(entries.map(({ message }) => message)),
    );
    return { parts: [{ type: 'text', text }], objects: [] };
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'ToolRejection') throw error;
    const { message } = error;
    return { parts: failureParts('Tool.Rejected', message), failure: { type: 'Tool.Rejected', message }, objects: [] };
  }
}
