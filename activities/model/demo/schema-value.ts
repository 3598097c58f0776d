// The least JSON value that a JSON Schema allows, with what is known put where names and types fit.
import type { JsonValue } from '../../../workflows/contract/message';
import { isObject, type JsonObject } from './conversation';

export interface Known {
  /** Values by name: the input's fields and what tools answered. */
  fields: JsonObject;
  /** What a free text is filled with. */
  text: string;
}

/** A schema that holds itself as a required part has no finite value; past this depth parts are left empty. */
const MAX_DEPTH = 12;

export const schemaValue = (schema: JsonObject, known: Known): JsonValue => valueOf(schema, known, schema, 0);

function valueOf(given: JsonValue | undefined, known: Known, root: JsonObject, depth: number): JsonValue {
  const schema = resolved(given, root);
  if (depth > MAX_DEPTH || !schema) return null;
  if ('const' in schema) return schema['const'] ?? null;
  if (Array.isArray(schema['enum'])) return schema['enum'][0] ?? null;
  const choice = schema['anyOf'] ?? schema['oneOf'];
  if (Array.isArray(choice)) return valueOf(choice[0], known, root, depth + 1);
  switch (typeOf(schema)) {
    case 'object':
      return objectOf(schema, known, root, depth);
    case 'array': {
      const least = numberAt(schema, 'minItems') ?? 0;
      return Array.from({ length: Math.min(least, 1000) }, () => valueOf(schema['items'], known, root, depth + 1));
    }
    case 'string':
      return stringOf(schema, known.text);
    case 'integer':
    case 'number':
      return numberOf(schema);
    case 'boolean':
      return false;
    default:
      return null;
  }
}

function resolved(given: JsonValue | undefined, root: JsonObject): JsonObject | undefined {
  if (!isObject(given)) return undefined;
  const ref = given['$ref'];
  let schema: JsonValue | undefined = given;
  if (typeof ref === 'string' && ref.startsWith('#')) {
    schema = ref
      .slice(1)
      .split('/')
      .filter((step) => step !== '')
      .reduce<JsonValue | undefined>(
        (at, step) => (isObject(at) ? at[step.replaceAll('~1', '/').replaceAll('~0', '~')] : undefined),
        root,
      );
  }
  if (!isObject(schema)) return undefined;
  const parts: JsonValue | undefined = schema['allOf'];
  return Array.isArray(parts) ? parts.filter(isObject).reduce(merged, schema) : schema;
}

/** What two schemas of one value ask together, as far as objects go. */
function merged(a: JsonObject, b: JsonObject): JsonObject {
  const both = { ...a, ...b };
  if (isObject(a['properties']) && isObject(b['properties'])) {
    both['properties'] = { ...a['properties'], ...b['properties'] };
  }
  if (Array.isArray(a['required']) && Array.isArray(b['required']))
    both['required'] = [...a['required'], ...b['required']];
  return both;
}

function typeOf(schema: JsonObject): JsonValue | undefined {
  const { type } = schema;
  if (Array.isArray(type)) return type.find((one) => one !== 'null') ?? 'null';
  return type ?? ('properties' in schema ? 'object' : undefined);
}

function objectOf(schema: JsonObject, known: Known, root: JsonObject, depth: number): JsonObject {
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const value: JsonObject = {};
  for (const [name, property] of Object.entries(properties)) {
    const part = resolved(property, root) ?? {};
    const ready = known.fields[name];
    if (ready !== undefined && fits(ready, part)) value[name] = ready;
    else if (required.includes(name)) value[name] = valueOf(property, known, root, depth + 1);
  }
  return value;
}

/** Whether a known value may stand where `schema` is asked, judged by type and bounds alone. */
export function fits(value: JsonValue, schema: JsonObject): boolean {
  if ('const' in schema) return value === schema['const'];
  if (Array.isArray(schema['enum'])) return schema['enum'].some((one) => one === value);
  switch (typeOf(schema)) {
    case 'string':
      return (
        typeof value === 'string' &&
        value.length >= (numberAt(schema, 'minLength') ?? 0) &&
        value.length <= (numberAt(schema, 'maxLength') ?? Infinity) &&
        schema['pattern'] === undefined &&
        schema['format'] === undefined
      );
    case 'integer':
      return Number.isInteger(value) && inBounds(Number(value), schema);
    case 'number':
      return typeof value === 'number' && inBounds(value, schema);
    case 'boolean':
      return typeof value === 'boolean';
    default:
      return false;
  }
}

const numberAt = (schema: JsonObject, name: string): number | undefined => {
  const value = schema[name];
  return typeof value === 'number' ? value : undefined;
};

function inBounds(value: number, schema: JsonObject): boolean {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  return !(
    (typeof minimum === 'number' && value < minimum) ||
    (typeof maximum === 'number' && value > maximum) ||
    (typeof exclusiveMinimum === 'number' && value <= exclusiveMinimum) ||
    (typeof exclusiveMaximum === 'number' && value >= exclusiveMaximum)
  );
}

function numberOf(schema: JsonObject): number {
  const step = numberAt(schema, 'multipleOf') ?? (typeOf(schema) === 'integer' ? 1 : 0);
  const minimum = numberAt(schema, 'minimum') ?? -Infinity;
  const above = numberAt(schema, 'exclusiveMinimum') ?? -Infinity;
  const most = Math.min(numberAt(schema, 'maximum') ?? Infinity, numberAt(schema, 'exclusiveMaximum') ?? Infinity);
  const least = Math.max(minimum, above);
  if (inBounds(0, schema)) return 0;
  if (least === -Infinity)
    return step > 0 ? Math.floor(most / step) * step - (inBounds(most, schema) ? 0 : step) : most - 1;
  const start = step > 0 ? Math.ceil(least / step) * step : least;
  if (inBounds(start, schema)) return start;
  const next = step > 0 ? start + step : start + 1;
  return inBounds(next, schema) || most === Infinity ? next : (least + most) / 2;
}

const BY_FORMAT: { [format: string]: string } = {
  email: 'demo@example.com',
  uri: 'https://example.com/',
  uuid: '00000000-0000-4000-8000-000000000000',
  'date-time': '2000-01-01T00:00:00Z',
  date: '2000-01-01',
  time: '00:00:00Z',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  duration: 'PT0S',
};

/** A pattern cannot be run backwards; these are tried against it. */
const TRIED = ['a', 'A', '0', 'demo', 'Demo', '1', '00', '000', '0000', 'AA', 'AAA', 'A-1', 'a1', '1.0.0', '#000000'];

function stringOf(schema: JsonObject, text: string): string {
  const { format, pattern } = schema;
  if (typeof format === 'string' && BY_FORMAT[format] !== undefined) return BY_FORMAT[format];
  const least = numberAt(schema, 'minLength') ?? 0;
  const cut = text.slice(0, numberAt(schema, 'maxLength') ?? Infinity);
  const padded = cut.padEnd(Math.min(least, 100_000), '.');
  if (typeof pattern !== 'string') return padded;
  const matches = (candidate: string): boolean => candidate.length >= least && patternTest(pattern, candidate);
  // A long text against a stranger's pattern could take for ever; short ones cannot.
  return [...(padded.length <= 40 ? [padded] : []), ...TRIED].find(matches) ?? padded;
}

function patternTest(pattern: string, candidate: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(candidate);
  } catch {
    return false;
  }
}
