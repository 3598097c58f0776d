// Reading a provider's JSON without trusting its shape: a field of another type counts as absent.
import type { JsonValue } from '../../workflows/contract/message';

export type JsonObject = { [key: string]: JsonValue };

/** For values that came out of JSON.parse, whose objects hold nothing but JSON. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function objectAt(value: unknown, key: string): JsonObject | undefined {
  const found = isJsonObject(value) ? value[key] : undefined;
  return isJsonObject(found) ? found : undefined;
}

export function textAt(value: unknown, key: string): string | undefined {
  const found = isJsonObject(value) ? value[key] : undefined;
  return typeof found === 'string' ? found : undefined;
}

export function listAt(value: unknown, key: string): JsonValue[] {
  const found = isJsonObject(value) ? value[key] : undefined;
  return Array.isArray(found) ? found : [];
}

/** A count, such as tokens: whole and not negative, or undefined. Part of one is none: who says so has not counted. */
export function countAt(value: unknown, key: string): number | undefined {
  const found = isJsonObject(value) ? value[key] : undefined;
  return typeof found === 'number' && Number.isInteger(found) && found >= 0 ? found : undefined;
}
