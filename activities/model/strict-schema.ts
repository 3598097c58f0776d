// Strict mode makes the provider hold the model to the schema, and refuses a schema outside its rules with a 400. So it is asked for
// exactly where the schema keeps the rules as written; rewriting one (optional becomes nullable) would change what tools receive.
import type { JsonValue } from '../../workflows/contract/message';
import { isJsonObject, type JsonObject } from './json';

/** From OpenAI's guide to structured outputs. Anything else in a schema, `minLength` or `oneOf` for example, means not strict. */
const KEYWORDS = new Set([
  ...['$schema', '$ref', '$defs', 'definitions', 'title', 'description', 'type', 'enum', 'const', 'anyOf'],
  ...['properties', 'required', 'additionalProperties', 'items', 'minItems', 'maxItems'],
  ...['pattern', 'format', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
]);
const FORMATS = new Set(['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uuid']);

export function isStrictSchema(schema: JsonObject): boolean {
  return schema.type === 'object' && keepsRules(schema);
}

function keepsRules(schema: JsonValue | undefined): boolean {
  if (!isJsonObject(schema) || !Object.keys(schema).every((key) => KEYWORDS.has(key))) return false;
  if (!('type' in schema || 'anyOf' in schema || 'enum' in schema || 'const' in schema || '$ref' in schema))
    return false;
  if (typeof schema.format === 'string' && !FORMATS.has(schema.format)) return false;
  const types = Array.isArray(schema.type) ? schema.type : [schema.type];
  if (types.includes('object') && !isClosedObject(schema)) return false;
  if (types.includes('array') && !keepsRules(schema.items)) return false;
  if (schema.anyOf !== undefined && !(Array.isArray(schema.anyOf) && schema.anyOf.every(keepsRules))) return false;
  return [schema.$defs, schema.definitions].every(
    (group) => group === undefined || (isJsonObject(group) && Object.values(group).every(keepsRules)),
  );
}

function isClosedObject(schema: JsonObject): boolean {
  const properties = isJsonObject(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? schema.required : [];
  return (
    schema.additionalProperties === false &&
    Object.entries(properties).every(([name, property]) => required.includes(name) && keepsRules(property))
  );
}
