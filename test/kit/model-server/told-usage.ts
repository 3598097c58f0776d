// What a provider's answer says of its tokens, as a fault makes it say it.
import { isRecord, type JsonRecord } from './json';

/** In no answer, and the same in JSON. */
const PLACE = '(a count of tokens)';

/** @param told in the place of each count; empty: the answer says nothing of its tokens */
export function withTokenCounts(data: string, told: string): string {
  // The end of a chat stream is no JSON.
  if (!data.startsWith('{')) return data;
  const changed = withUsage(JSON.parse(data), (usage) => (told === '' ? undefined : placed(usage)));
  return JSON.stringify(changed).replaceAll(JSON.stringify(PLACE), () => told);
}

function withUsage(value: unknown, change: (usage: JsonRecord) => unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => withUsage(one, change));
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).map(([name, inner]): [string, unknown] => [
    name,
    name === 'usage' && isRecord(inner) ? change(inner) : withUsage(inner, change),
  ]);
  return Object.fromEntries(entries);
}

function placed(value: unknown): unknown {
  if (typeof value === 'number') return PLACE;
  return isRecord(value) ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, placed(one)])) : value;
}
