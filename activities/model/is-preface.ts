// Events with which a stream begins before its model has thought of anything.
import { isJsonObject, listAt, objectAt, textAt } from './json';

const PREFACES = new Set(['response.created', 'response.in_progress', 'response.queued', 'message_start', 'ping']);

/** A provider that is slow often sends these at once: they say that it took the request, not that it answers. */
export function isPreface(event: unknown): boolean {
  if (!isJsonObject(event)) return true;
  const type = textAt(event, 'type');
  if (type !== undefined) return PREFACES.has(type);
  const [choice] = listAt(event, 'choices');
  const delta = objectAt(choice, 'delta');
  // A chunk of Chat Completions that names the role alone.
  return delta !== undefined && textAt(choice, 'finish_reason') === undefined && isRoleAlone(delta);
}

const isRoleAlone = (delta: { [name: string]: unknown }): boolean =>
  Object.entries(delta).every(([name, value]) => name === 'role' || value === null || value === '');
