// Raw provider items of a run's earlier answers, for providers that want their own items sent back (reasoning that they signed).
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { CallModelInput } from '../workflows/contract/activities';
import type { JsonValue } from '../workflows/contract/message';
import { modelRecordSchema } from '../workflows/contract/schemas/call-record';
import type { ActivityDeps } from './deps';
import type { ModelProvider } from './model/provider';
import { callsOfRun } from './store/ref-names';

/** Parsed raw items by their hash, shared by all runs of this worker. */
const PARSED = new LRUCache<string, { raw: JsonValue }>({ max: 2_000 });
const PAGE = 1_000;

/** @param earlier the conversation so far; a record whose answer is not in it, at its place, belongs to another branch */
export async function rawItemsOf(
  deps: ActivityDeps,
  { key }: CallModelInput,
  provider: Pick<ModelProvider, 'name' | 'rawItemsForm'>,
  earlier: readonly { hash: string }[],
): Promise<Map<number, JsonValue>> {
  const wanted = new Map<number, string>();
  const prefix = callsOfRun(key.run, key.fork);
  let after: string | undefined;
  for (;;) {
    const refs = await deps.store.listRefs(prefix, { limit: PAGE, ...(after === undefined ? {} : { after }) });
    for (const ref of refs) {
      const record = modelRecordSchema.safeParse(ref.value);
      if (!record.success) continue;
      const { position, answer, raw, rawForm } = record.data;
      const made = rawForm === provider.rawItemsForm && answer.model.startsWith(`${provider.name}/`);
      const ours = made && earlier[position]?.hash === answer.messages[0]?.hash;
      if (ours) wanted.set(position, raw);
    }
    after = refs.at(-1)?.name;
    if (refs.length < PAGE || after === undefined) break;
  }
  return await read(deps, wanted);
}

async function read(deps: ActivityDeps, wanted: ReadonlyMap<number, string>): Promise<Map<number, JsonValue>> {
  const missing = [...new Set(wanted.values())].filter((hash) => !PARSED.has(hash));
  const bytes = await deps.store.get(missing);
  const json = z.json();
  missing.forEach((hash, at) => PARSED.set(hash, { raw: json.parse(JSON.parse(new TextDecoder().decode(bytes[at]))) }));
  const items = new Map<number, JsonValue>();
  for (const [position, hash] of wanted) {
    const parsed = PARSED.get(hash);
    if (parsed) items.set(position, parsed.raw);
  }
  return items;
}
