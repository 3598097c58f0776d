// The call as the model wrote it: its arguments never enter a history, so they are read from the message that asks for it.
import type { CallToolInput } from '../workflows/contract/activities';
import type { ToolCallPart } from '../workflows/contract/message';
import type { ToolCallDeps } from './deps';
import { failure } from './failure';
import { decodeMessage } from './store';

/** @throws ApplicationFailure `Store.*` */
export async function readCall(
  { toolStore }: Pick<ToolCallDeps, 'toolStore'>,
  { message: hash, call: at, name, insteadOf }: Pick<CallToolInput, 'message' | 'call' | 'name' | 'insteadOf'>,
): Promise<ToolCallPart> {
  const message = decodeMessage(await toolStore.getObject(hash));
  const parts = message.role === 'assistant' ? message.parts : [];
  const call = parts.find((part): part is ToolCallPart => part.type === 'tool-call' && part.call === at);
  if (call?.name === (insteadOf ?? name)) return call;
  throw failure('Store.ObjectCorrupt', `message ${hash} holds no call ${at} of ${insteadOf ?? name}.`);
}
