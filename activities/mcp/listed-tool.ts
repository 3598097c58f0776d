// A tool as a server of MCP describes it, the name of that description, and what is different when it describes it otherwise.
import { z } from 'zod';
import type { JsonValue } from '../../workflows/contract/message';
import { canonicalJson, objectHash } from '../store/canonical-json';

type JsonObject = { [key: string]: JsonValue };

export interface ListedTool {
  name: string;
  description: string;
  /** JSON Schema, as the server wrote it. */
  input: JsonObject;
  output?: JsonObject;
}

const jsonObject = z.record(z.string(), z.json());
export const listedToolSchema = z
  .object({
    name: z.string().min(1),
    title: z.string().optional(),
    description: z.string().optional(),
    inputSchema: jsonObject,
    outputSchema: jsonObject.optional(),
  })
  .transform(({ name, title, description, inputSchema, outputSchema }): ListedTool => ({
    name,
    description: description ?? title ?? name,
    input: inputSchema,
    ...(outputSchema ? { output: outputSchema } : {}),
  }));

/** Its description counts: the model was told it, and decides by it. */
const pinned = ({ description, input, output }: ListedTool): JsonObject => ({
  description,
  input,
  ...(output ? { output } : {}),
});

export const pinOf = (tool: ListedTool): string => objectHash(canonicalJson(pinned(tool)));

const DIFFERENCES_SHOWN = 2;
const VALUE_CHARS = 24;

/** In words, of which a failure has room for few. */
export function differenceOf(was: ListedTool, is: ListedTool): string {
  const all = [...differences('', pinned(was), pinned(is))];
  const more = all.length - DIFFERENCES_SHOWN;
  return `${all.slice(0, DIFFERENCES_SHOWN).join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

function* differences(path: string, was: JsonValue | undefined, is: JsonValue | undefined): Generator<string> {
  if (was === undefined) yield `${path} is new`;
  else if (is === undefined) yield `${path} is gone`;
  else if (isObject(was) && isObject(is)) {
    const keys = [...new Set([...Object.keys(was), ...Object.keys(is)])];
    for (const key of keys) yield* differences(path === '' ? key : `${path}.${key}`, was[key], is[key]);
  } else if (Array.isArray(was) && Array.isArray(is)) {
    const at = Array.from({ length: Math.max(was.length, is.length) }, (_, index) => index);
    for (const index of at) yield* differences(`${path}[${index}]`, was[index], is[index]);
  } else if (was !== is) yield `${path} was ${shown(was)}, is ${shown(is)}`;
}

const isObject = (value: JsonValue): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function shown(value: JsonValue): string {
  const text = JSON.stringify(value);
  return text.length <= VALUE_CHARS ? text : `${text.slice(0, VALUE_CHARS - 1)}…`;
}
