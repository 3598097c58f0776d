// A schema as the Messages API can hold a model to it. Its subset is narrower than JSON Schema: what it does not know goes into
// descriptions, where the model reads it, and the answer is checked against the whole schema in any case.
import type { JsonValue } from '../../workflows/contract/message';
import { isJsonObject, type JsonObject } from './json';

/** From Anthropic's guide to structured outputs. */
const KEPT = new Set(['title', 'description', 'default', 'enum', 'const', 'required', 'type', '$ref']);
const FORMATS = new Set([
  ...['date-time', 'time', 'date', 'duration', 'email', 'hostname'],
  ...['uri', 'ipv4', 'ipv6', 'uuid'],
]);
/** These narrow what is allowed, so that leaving them out refuses nothing that the schema takes. */
const TOLD = new Set([
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'minLength', 'maxLength'],
  ...['pattern', 'minItems', 'maxItems', 'uniqueItems', 'minProperties', 'maxProperties', 'format'],
]);
const OPTIONAL_PROPERTIES_MOST = 24;
const UNIONS_MOST = 16;

class Inexpressible extends Error {}

interface Seen {
  root: JsonObject;
  optional: number;
  unions: number;
}

/** @returns undefined where the API would refuse it, whatever is left out: recursion, free-form objects, tuples, or too large */
export function formatSchema(schema: JsonObject): JsonObject | undefined {
  if (schema.type !== 'object' || isRecursive(schema, schema, [])) return undefined;
  const seen: Seen = { root: schema, optional: 0, unions: 0 };
  try {
    const made = expressed(schema, seen);
    return seen.optional > OPTIONAL_PROPERTIES_MOST || seen.unions > UNIONS_MOST ? undefined : made;
  } catch (error) {
    if (error instanceof Inexpressible) return undefined;
    throw error;
  }
}

function expressed(schema: JsonValue | undefined, seen: Seen): JsonObject {
  if (!isJsonObject(schema)) throw new Inexpressible();
  const { type } = schema;
  if (Array.isArray(type)) {
    const { type: _types, ...rest } = schema;
    return expressed({ anyOf: type.map((one) => ({ ...rest, type: one })) }, seen);
  }
  const made: JsonObject = {};
  const told: string[] = [];
  for (const [key, value] of Object.entries(schema)) {
    if (KEPT.has(key)) made[key] = value;
    else if (key === 'format' && typeof value === 'string' && FORMATS.has(value)) made.format = value;
    else if (key === 'minItems' && (value === 0 || value === 1)) made.minItems = value;
    else if (TOLD.has(key)) told.push(`${key}: ${JSON.stringify(value)}`);
    else addStructure(made, key, value, seen);
  }
  if (!['type', 'enum', 'const', '$ref', 'anyOf', 'allOf'].some((key) => key in made)) throw new Inexpressible();
  if (made.type === 'object') closeObject(made, schema, seen);
  if (made.type === 'array' && !('items' in made)) throw new Inexpressible();
  if (told.length > 0) {
    const before = typeof made.description === 'string' ? `${made.description}\n\n` : '';
    made.description = `${before}{${told.join(', ')}}`;
  }
  return made;
}

function addStructure(made: JsonObject, key: string, value: JsonValue, seen: Seen): void {
  switch (key) {
    case 'anyOf':
    // Exclusive or not makes no difference to who writes one value.
    case 'oneOf':
    case 'allOf':
      if (!Array.isArray(value)) throw new Inexpressible();
      if (key !== 'allOf') seen.unions += 1;
      made[key === 'allOf' ? key : 'anyOf'] = value.map((one) => expressed(one, seen));
      return;
    case 'items':
      made.items = expressed(value, seen);
      return;
    case 'properties':
    case '$defs':
    case 'definitions':
      made[key] = Object.fromEntries(
        Object.entries(isJsonObject(value) ? value : {}).map(([name, one]) => [name, expressed(one, seen)]),
      );
      return;
    case 'additionalProperties':
    case '$schema':
      return;
    default:
      throw new Inexpressible();
  }
}

function closeObject(made: JsonObject, { additionalProperties, required }: JsonObject, seen: Seen): void {
  const isOpen = additionalProperties !== undefined && additionalProperties !== false;
  if (isOpen || !isJsonObject(made.properties)) throw new Inexpressible();
  const needed = Array.isArray(required) ? required.length : 0;
  seen.optional += Object.keys(made.properties).length - needed;
  made.additionalProperties = false;
}

/** Follows references into the schema itself; one that leads outside of it counts too, for it cannot be sent. */
function isRecursive(node: JsonValue | undefined, root: JsonObject, under: readonly string[]): boolean {
  if (Array.isArray(node)) return node.some((one) => isRecursive(one, root, under));
  if (!isJsonObject(node)) return false;
  const ref = node.$ref;
  if (typeof ref === 'string') {
    const [, group, name] = /^#\/(\$defs|definitions)\/([^/]+)$/.exec(ref) ?? [];
    const defs = group === undefined ? undefined : root[group];
    if (name === undefined || under.includes(ref) || !isJsonObject(defs) || !(name in defs)) return true;
    return isRecursive(defs[name], root, [...under, ref]);
  }
  return Object.entries(node).some(
    ([key, value]) => key !== '$defs' && key !== 'definitions' && isRecursive(value, root, under),
  );
}
