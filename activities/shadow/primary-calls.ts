// What a run's tools have told it, by what they were asked: its shadow is told the same. The n-th of the same calls gets the n-th answer.
import { LRUCache } from 'lru-cache';
import type { CallToolInput } from '../../workflows/contract/activities';
import type { FailureType } from '../../workflows/contract/failures';
import type { JsonValue, ToolCallPart, ToolMessage } from '../../workflows/contract/message';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import type { ToolRecord } from '../../workflows/contract/schemas/call-record';
import type { ActivityDeps } from '../deps';
import { failure } from '../failure';
import { allRefs, canonicalJson } from '../store';
import { runRecordName, subRunsOf } from '../store/ref-names';
import { callsOf, type RunCall } from '../store/run-calls';

export type ShadowStore = Pick<ActivityDeps, 'store' | 'conversation'>;
type Parent = NonNullable<RunRecord['parent']>;

/** What of a shadow's own record its calls are answered by. */
export interface OwnShadow {
  record: RunRecord;
  of: NonNullable<RunRecord['shadowOf']>;
}

/** @throws ApplicationFailure `Tool.NotGranted`: whoever has started it under such an id, it is none, and none of its calls is made */
export async function requireShadow({ store }: Pick<ShadowStore, 'store'>, id: string): Promise<OwnShadow> {
  const record = runRecordSchema.safeParse((await store.readRef(runRecordName(id)))?.value).data;
  if (!record?.shadowOf)
    throw failure('Tool.NotGranted', 'the run has the id of a shadow, and nothing is recorded of what it shadows.');
  return { record, of: record.shadowOf };
}

/** Names a call by its tool and its arguments. */
export const sameCall = (
  { store }: Pick<ShadowStore, 'store'>,
  { name, arguments: given }: { name: string; arguments: JsonValue },
): string => store.nameOf(canonicalJson([name, given]));

export interface ToldCall {
  record: ToolRecord;
  message: ToolMessage;
}

type Told = ReadonlyMap<string, ToldCall[]>;
/** Of one worker, about: what its shadows ask for again and again. */
const TOLD_CHARS = 32_000_000;
/** A call beside what it was told. */
const CALL_CHARS = 1_000;
/** By the first execution of runs that have ended. One that was told more than all of it is read at each call. */
const TOLD = new LRUCache<string, Told>({ maxSize: TOLD_CHARS, sizeCalculation: charsOf });

function charsOf(told: Told): number {
  const calls = [...told.values()].flat();
  return calls.reduce((sum, { message }) => sum + JSON.stringify(message).length + CALL_CHARS, 1);
}

/** @returns undefined where the run was told nothing of the like */
export async function toldBefore(
  deps: ShadowStore,
  shadow: OwnShadow,
  input: Pick<CallToolInput, 'key' | 'message' | 'call'>,
  { call, isRead }: { call: ToolCallPart; isRead: boolean },
): Promise<ToldCall | undefined> {
  const same = sameCall(deps, call);
  const told = (await toldTo(deps, shadow)).get(same) ?? [];
  if (told.length === 0) return undefined;
  const before = await askedBefore(deps, input, { same, name: call.name });
  // Asked more often than the run has: what only reads would most likely tell what it told last.
  return told[before] ?? (isRead ? told.at(-1) : undefined);
}

async function askedBefore(
  deps: ShadowStore,
  { key, message: hash, call }: Pick<CallToolInput, 'key' | 'message' | 'call'>,
  { same, name }: { same: string; name: string },
): Promise<number> {
  const { calls } = await callsOf(deps.store, key.run);
  const earlier = calls.filter(
    ({ turn, record }) => turn < key.turn && record.kind === 'tool' && record.shadow?.same === same,
  ).length;
  const [message] = await deps.conversation.messages([hash]);
  const beside = message?.role === 'assistant' ? message.parts : [];
  return (
    earlier +
    beside.filter(
      (part) => part.type === 'tool-call' && part.call < call && part.name === name && sameCall(deps, part) === same,
    ).length
  );
}

async function toldTo(deps: ShadowStore, { record, of }: OwnShadow): Promise<Told> {
  const runs = record.parent
    ? await pairOf(deps, { run: of.run, own: record, parent: record.parent })
    : [await readRun(deps, of.run)];
  const found = await Promise.all(
    runs.map(async (run) => (run?.ended ? await callsToldTo(deps, run.ended.firstRunId) : undefined)),
  );
  if (found.length === 1) return found[0] ?? new Map<string, ToldCall[]>();
  const all = new Map<string, ToldCall[]>();
  for (const told of found) for (const [same, calls] of told ?? []) all.set(same, [...(all.get(same) ?? []), ...calls]);
  return all;
}

async function readRun({ store }: Pick<ShadowStore, 'store'>, id: string): Promise<RunRecord | undefined> {
  return runRecordSchema.safeParse((await store.readRef(runRecordName(id)))?.value).data;
}

/** Runs of a sub-agent that a run has had. */
async function subRuns(deps: ShadowStore, root: string): Promise<(RunRecord & { parent: Parent })[]> {
  const prefix = subRunsOf(root);
  const ids = (await allRefs(deps.store, prefix)).map(({ name }) => decodeURIComponent(name.slice(prefix.length)));
  const records = await Promise.all(ids.map((id) => readRun(deps, id)));
  return records
    .flatMap((one) => (one?.parent ? [{ ...one, parent: one.parent }] : []))
    .sort((a, b) => a.parent.turn - b.parent.turn || a.parent.index - b.parent.index || a.startedAt - b.startedAt);
}

/**
 * Of the run of a shadow's sub-agent: that which the shadowed run's same sub-agent had with the same input, the n-th for the n-th; where it
 * had none with this input, all that it had.
 */
async function pairOf(
  deps: ShadowStore,
  { run, own, parent }: { run: string; own: RunRecord; parent: Parent },
): Promise<RunRecord[]> {
  const theirs = (await subRuns(deps, run)).filter(({ agent }) => agent === own.agent);
  const alike = theirs.filter(({ input }) => input === own.input);
  const ours = (await subRuns(deps, parent.root)).filter(
    ({ agent, input }) => agent === own.agent && input === own.input,
  );
  const nth = ours.findIndex(({ id }) => id === own.id);
  const pair = alike[nth] ?? alike.at(-1);
  return pair ? [pair] : theirs;
}

async function callsToldTo(deps: ShadowStore, firstRunId: string): Promise<Told> {
  const known = TOLD.get(firstRunId);
  if (known) return known;
  const { calls } = await callsOf(deps.store, firstRunId);
  const made = calls
    .flatMap(({ record, ...call }) => (record.kind === 'tool' ? [{ ...call, record }] : []))
    .sort(inOrder);
  const asking = await deps.conversation.messages(made.map(({ record }) => record.from.message));
  const answers = await deps.conversation.messages(made.map(({ record }) => record.result.message.hash));
  const told = new Map<string, ToldCall[]>();
  made.forEach(({ record }, at) => {
    const [asked, message] = [asking[at], answers[at]];
    const part = asked?.role === 'assistant' ? asked.parts.find((one) => isCall(one, record.from.call)) : undefined;
    if (part?.type !== 'tool-call' || message?.role !== 'tool') return;
    if (record.result.failure !== undefined && OF_THE_RELEASE.includes(record.result.failure)) return;
    const same = sameCall(deps, part);
    told.set(same, [...(told.get(same) ?? []), { record, message }]);
  });
  TOLD.set(firstRunId, told);
  return told;
}

/** What the runtime says of a call by its release, and not the world: of another release it may say something else. */
const OF_THE_RELEASE: readonly FailureType[] = [
  'Tool.Unknown',
  'Tool.InvalidArguments',
  'Tool.NotGranted',
  'Tool.Changed',
];

const isCall = (part: { type: string; call?: number }, call: number): boolean =>
  part.type === 'tool-call' && part.call === call;

/** A tool that stood in for another has a number of its own; its place is that of the call. */
const inOrder = (a: Made, b: Made): number =>
  a.fork - b.fork || a.turn - b.turn || a.record.from.call - b.record.from.call;
type Made = Omit<RunCall, 'record'> & { record: ToolRecord };
