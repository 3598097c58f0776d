// Raw provider items of a run's earlier answers, for providers that want their own items sent back (reasoning that they signed).
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { CallKey, CallModelInput } from '../workflows/contract/activities';
import type { JsonValue, Message } from '../workflows/contract/message';
import { modelRecordSchema } from '../workflows/contract/schemas/call-record';
import type { ActivityDeps } from './deps';
import { isJsonObject } from './model/json';
import type { ModelProvider } from './model/provider';
import { allRefs, type ContentStore } from './store';
import { callRecordName, callsOfRun } from './store/ref-names';

/** Bytes of raw items, as JSON, that a worker keeps parsed; in memory they are a few times that. */
const CACHE_BYTES = 16 * 1024 * 1024;
/** By their hash, shared by all runs of this worker. */
const PARSED = new LRUCache<string, { raw: JsonValue; bytes: number }>({
  maxSize: CACHE_BYTES,
  sizeCalculation: ({ bytes }) => bytes,
});

type StoreDeps = Pick<ActivityDeps, 'store'>;

/** What one record says of its answer. */
interface RawAnswer {
  raw: string;
  form: string | undefined;
  model: string;
}
interface KnownAnswers {
  /** By the hash of the answer's message: equal answers in the order in which they were given. Grows with the run. */
  byMessage: Map<string, RawAnswer[]>;
  /** Later than every record that was looked at. */
  through: CallKey;
}
/** Runs whose records a worker need not read again: some 300 bytes an answer. */
const KNOWN_RUNS = 500;
const KNOWN = new WeakMap<object, LRUCache<string, KnownAnswers>>();

function knownOf(store: ContentStore): LRUCache<string, KnownAnswers> {
  const kept = KNOWN.get(store) ?? new LRUCache<string, KnownAnswers>({ max: KNOWN_RUNS });
  KNOWN.set(store, kept);
  return kept;
}

/** @param earlier the conversation so far; a record whose answer is not in it belongs to another branch */
export async function rawItemsOf(
  deps: StoreDeps,
  { key }: Pick<CallModelInput, 'key'>,
  provider: Pick<ModelProvider, 'name' | 'rawItemsForm'>,
  earlier: readonly { hash: string }[],
): Promise<Map<number, JsonValue>> {
  const byMessage = await answersBefore(deps, key);
  const isOwn = ({ form, model }: RawAnswer): boolean =>
    form === provider.rawItemsForm && model.startsWith(`${provider.name}/`);
  const wanted = new Map<number, string>();
  const left = new Map<string, RawAnswer[]>();
  earlier.forEach(({ hash }, position) => {
    const [first, ...later] = left.get(hash) ?? byMessage.get(hash)?.filter(isOwn) ?? [];
    if (!first) return;
    wanted.set(position, first.raw);
    left.set(hash, later.length > 0 ? later : [first]);
  });
  return await read(deps, wanted);
}

/**
 * A model that signs its thoughts wants them back between its tool calls and their results, and refuses a turn that another has begun
 * for it. So whoever began the turn goes on with it.
 * @param earlier the conversation so far
 * @returns the provider's name; undefined where nobody's thoughts are needed, or nobody has begun
 */
export async function turnTiedTo(
  deps: ActivityDeps,
  { key }: CallModelInput,
  earlier: readonly { hash: string; message: Message }[],
): Promise<string | undefined> {
  const begun = new Set<string>();
  for (const { hash, message } of earlier.toReversed()) {
    if (message.role === 'user') break;
    if (message.role === 'assistant') begun.add(hash);
  }
  if (begun.size === 0) return undefined;
  const byMessage = await answersBefore(deps, key);
  const signed = [...begun].flatMap((hash) => (byMessage.get(hash) ?? []).filter(({ form }) => isSigning(form)));
  const items = await read(deps, new Map(signed.map(({ raw }, at) => [at, raw])));
  // The latest comes first.
  const tied = signed.find((_, at) => holdsSignedThoughts(items.get(at)));
  return tied?.model.slice(0, tied.model.indexOf('/'));
}

/** Of the forms, the one whose provider refuses a turn without its own thoughts; others do without. */
const isSigning = (form: string | undefined): boolean => form?.endsWith('-messages') ?? false;

function holdsSignedThoughts(raw: JsonValue | undefined): boolean {
  if (Array.isArray(raw)) return raw.some((item) => holdsSignedThoughts(item));
  if (!isJsonObject(raw)) return false;
  return raw.type === 'thinking' || raw.type === 'redacted_thinking' || holdsSignedThoughts(raw['content']);
}

/** Reads only the records that are new since the last call of this run on this worker. */
async function answersBefore(deps: StoreDeps, key: CallKey): Promise<ReadonlyMap<string, readonly RawAnswer[]>> {
  const prefix = callsOfRun(key.run, key.fork);
  const runs = knownOf(deps.store);
  const kept = runs.get(prefix);
  // A turn that was looked at already is asked for again after a reset: its records are not what they were.
  const known = kept && kept.through.turn < key.turn ? kept : undefined;
  const refs = await allRefs(deps.store, prefix, known && callRecordName(known.through));
  // Another attempt of the call was quicker: what it has read need not be added twice.
  if (runs.get(prefix) !== kept) return await answersBefore(deps, key);
  const byMessage = known?.byMessage ?? new Map<string, RawAnswer[]>();
  // The turn before is complete: its tool calls had ended before this one was asked. What is later is of a time before a reset.
  const through = { ...key, turn: key.turn - 1, index: LAST_INDEX };
  for (const { name, value } of refs) {
    const record = name <= callRecordName(through) ? modelRecordSchema.safeParse(value) : undefined;
    // An answer that was not used goes back as its words alone: a call that was cut would have no result, and reasoning that
    // nothing followed is refused.
    if (!record?.success || record.data.answer.problem) continue;
    const { answer, raw, rawForm } = record.data;
    const message = answer.messages[0]?.hash ?? '';
    const answers = byMessage.get(message) ?? [];
    answers.push({ raw, form: rawForm, model: answer.model });
    byMessage.set(message, answers);
  }
  runs.set(prefix, { byMessage, through });
  return byMessage;
}

/** Behind every call of a turn, in the order of names. */
const LAST_INDEX = 9_999;

async function read(deps: StoreDeps, wanted: ReadonlyMap<number, string>): Promise<Map<number, JsonValue>> {
  const parsed = new Map<string, JsonValue>();
  for (const hash of wanted.values()) {
    const kept = PARSED.get(hash);
    if (kept) parsed.set(hash, kept.raw);
  }
  const missing = [...new Set(wanted.values())].filter((hash) => !parsed.has(hash));
  const objects = missing.length === 0 ? [] : await deps.store.get(missing);
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
