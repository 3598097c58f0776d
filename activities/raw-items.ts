// Raw provider items of a run's earlier answers, for providers that want their own items sent back (reasoning that they signed).
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { CallModelInput } from '../workflows/contract/activities';
import type { JsonValue } from '../workflows/contract/message';
import { modelRecordSchema } from '../workflows/contract/schemas/call-record';
import type { ActivityDeps } from './deps';
import type { ModelProvider } from './model/provider';
import { allRefs } from './store';
import { callsOfRun } from './store/ref-names';

/** Bytes of raw items, as JSON, that a worker keeps parsed; in memory they are a few times that. */
const CACHE_BYTES = 16 * 1024 * 1024;
/** By their hash, shared by all runs of this worker. */
const PARSED = new LRUCache<string, { raw: JsonValue; bytes: number }>({
  maxSize: CACHE_BYTES,
  sizeCalculation: ({ bytes }) => bytes,
});

/** @param earlier the conversation so far; a record whose answer is not in it, at its place, belongs to another branch */
export async function rawItemsOf(
  deps: ActivityDeps,
  { key }: CallModelInput,
  provider: Pick<ModelProvider, 'name' | 'rawItemsForm'>,
  earlier: readonly { hash: string }[],
): Promise<Map<number, JsonValue>> {
  const wanted = new Map<number, string>();
  for (const ref of await allRefs(deps.store, callsOfRun(key.run, key.fork))) {
    const record = modelRecordSchema.safeParse(ref.value);
    if (!record.success) continue;
    const { position, answer, raw, rawForm } = record.data;
    // An answer that was not used goes back as its words alone: a call that was cut would have no result, and reasoning that
    // nothing followed is refused.
    if (answer.problem) continue;
    const made = rawForm === provider.rawItemsForm && answer.model.startsWith(`${provider.name}/`);
    const ours = made && earlier[position]?.hash === answer.messages[0]?.hash;
    if (ours) wanted.set(position, raw);
  }
  return await read(deps, wanted);
}

async function read(deps: ActivityDeps, wanted: ReadonlyMap<number, string>): Promise<Map<number, JsonValue>> {
  const parsed = new Map<string, JsonValue>();
  for (const hash of wanted.values()) {
    const kept = PARSED.get(hash);
    if (kept) parsed.set(hash, kept.raw);
  }
  const missing = [...new Set(wanted.values())].filter((hash) => !parsed.has(hash));
  const objects = await deps.store.get(missing);
  missing.forEach((hash, at) => {
    const object = objects[at] ?? new Uint8Array();
    const raw = z.json().parse(JSON.parse(new TextDecoder().decode(object)));
    PARSED.set(hash, { raw, bytes: object.length });
    parsed.set(hash, raw);
  });
  const items = new Map<number, JsonValue>();
  for (const [position, hash] of wanted) {
    const raw = parsed.get(hash);
    if (raw !== undefined) items.set(position, raw);
  }
  return items;
}
