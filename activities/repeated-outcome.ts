// What the model reads when it asks for an action that its run has taken already: that it was not taken again, and what came of it.
import type { EffectRecord } from '../workflows/contract/schemas/effect-record';
import type { ActivityDeps } from './deps';
import { failure } from './failure';
import type { ToolOutcome } from './run-tool';
import { decodeMessage } from './store';

export async function repeatedOutcome(
  { toolStore }: Pick<ActivityDeps, 'toolStore'>,
  { turn, index, message }: NonNullable<EffectRecord['done']>,
): Promise<ToolOutcome> {
  const told = decodeMessage(await toolStore.getObject(message));
  if (told.role !== 'tool') throw failure('Store.ObjectCorrupt', `object ${message} holds no result of a tool.`);
  const said = `Done already in turn ${turn}, with the same arguments: it was not done again. What came of it then:`;
  return {
    parts: [{ type: 'text', text: said }, ...told.parts],
    ...(told.outcome === 'error' ? { failure: { type: 'Tool.InvalidOutput', message: 'as it was told before.' } } : {}),
    objects: [],
    repeats: { turn, index },
  };
}
