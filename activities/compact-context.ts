// A summary of a range of the conversation, made by the model with a prompt of its own, in the range's place. The originals stay where
// they are: the summary names them.
import type { CompactContextInput, CompactContextResult, CompactedContext } from '../workflows/contract/activities';
import type { ContextPlan } from '../workflows/contract/context';
import type { JsonValue, MessageHead, UserMessage } from '../workflows/contract/message';
import { compactionRecordSchema, type CompactionRecord } from '../workflows/contract/schemas/call-record';
import { commitCallRecord, conversationRecords, findCallRecord } from './call-records';
import { measureAll } from './context/measure';
import { planCompact, type CompactRange } from './context/plan-compact';
import { renderRange, summaryMessage, summaryRequest } from './context/summary-prompt';
import type { ActivityDeps, Attempt, LoadedAgent } from './deps';
import { addedTo, counterOf, frameOf, loadConversation, prune, type EditedConversation } from './edited-conversation';
import { failure } from './failure';
import { ModelWaitError } from './model/model-wait-error';
import type { ModelProvider, ModelResponse } from './model/provider';
import { requireAgent } from './require-agent';
import { canonicalJson, encodeMessage, previewOf } from './store';
import { chainName, earlierChainName, headName } from './store/ref-names';
import { callRecordWrite } from './store/tool-store';

export async function compactContext(
  deps: ActivityDeps,
  input: CompactContextInput,
  attempt: Attempt,
): Promise<CompactContextResult> {
  const found = await findCallRecord(conversationRecords(deps, input, compactionRecordSchema));
  if (found.answer) {
    deps.metrics.reused('model');
    return { ...found.answer.result, reused: true };
  }
  const loaded = await requireAgent(deps, input);
  const { context } = loaded.manifest;
  if (!context?.compact)
    throw failure('Model.ContextTooLong', `agent ${input.agent} sums nothing up: it has no such plan.`);
  const stored = await loadConversation(deps, input, attempt);
  const asked = prune(stored, context, loaded, (bytes) => deps.store.nameOf(bytes));
  const range = rangeOf(asked, context, loaded, input.refused ?? false);
  const startedAt = deps.now();
  const { provider, model } = deps.providers.resolve(loaded.manifest.model.route[0] ?? '');
  try {
    const response = await summarise(deps, attempt, { asked, range, context, loaded, provider, model });
    const text = textOf(response);
    const { record, objects, refs } = await build(deps, input, attempt, {
      ...{ asked, range, text, response, version: context.compact.prompt.version },
      nodes: stored.nodes,
      route: `${provider.name}/${model}`,
      made: {
        schemaVersion: 1,
        startedAt,
        endedAt: deps.now(),
        attempt: attempt.number,
        worker: deps.worker,
        release: loaded.release,
      },
    });
    return (await commit(deps, input, { record, objects, refs, version: found.version })).result;
  } catch (error) {
    if (error instanceof ModelWaitError) return { kind: 'wait', waitUntil: error.waitUntil, reason: error.reason };
    throw error;
  }
}

/** @throws ApplicationFailure `Model.ContextTooLong` where nothing can go */
function rangeOf(
  { entries }: EditedConversation,
  context: ContextPlan,
  loaded: LoadedAgent,
  isRefused: boolean,
): CompactRange {
  const frame = frameOf(
    loaded,
    entries.map(({ message }) => message),
  );
  const measured = measureAll(entries, { frame, counter: counterOf(loaded) });
  const range = planCompact(measured, context, { force: isRefused });
  if (range) return range;
  const kept = `${entries.length} messages, of which the first, pinned and latest stay`;
  throw failure('Model.ContextTooLong', `the request is too long, and nothing of it can be summed up: ${kept}.`);
}

/** Of the window: what the transcript may take, so that prompt and summary have room beside it. */
const TRANSCRIPT_SHARE = 0.7;
/** Where the window is not known and the whole was refused: half of what is to go is surely less than the whole. */
const REFUSED_SHARE = 0.5;

interface Summarise {
  asked: EditedConversation;
  range: CompactRange;
  context: ContextPlan;
  loaded: LoadedAgent;
  provider: ModelProvider;
  model: string;
}

function summarise(
  { store }: ActivityDeps,
  attempt: Attempt,
  { asked, range, context, loaded, provider, model }: Summarise,
): Promise<ModelResponse> {
  const messages = asked.entries.slice(range.from, range.to).map(({ message }) => message);
  const most = context.window === undefined ? range.tokens * REFUSED_SHARE : context.window * TRANSCRIPT_SHARE;
  const whole = renderRange(messages, range.first);
  const isTight = context.window === undefined ? !isTriggered(context) : range.tokens > most;
  const transcript = isTight
    ? renderRange(messages, range.first, Math.floor((whole.length * most) / range.tokens))
    : whole;
  return provider.generate(
    {
      model,
      instructions: context.compact?.prompt.text ?? '',
      messages: [summaryRequest(transcript)],
      tools: [],
      parameters: loaded.manifest.model.parameters,
      rawItems: new Map<number, JsonValue>(),
      loadFile: async (sha256) => (await store.get([sha256]))[0] ?? new Uint8Array(),
    },
    { signal: attempt.signal },
  );
}

/** A plan that counts by itself fires long before a provider refuses. */
const isTriggered = ({ compact }: ContextPlan): boolean =>
  compact?.when.some(({ tokens, messages }) => tokens !== undefined || messages !== undefined) ?? false;

/** A summary that was cut still says more than none; an empty one, or a refusal, is tried again like any answer that breaks off. */
function textOf({ message, finish }: ModelResponse): string {
  const text = message.parts
    .flatMap((part) => (part.type === 'text' ? [part.text] : []))
    .join('')
    .trim();
  if (finish === 'content-filter') throw failure('Model.ContentFiltered', 'the provider filtered the summary.');
  if (message.refused || finish === 'refusal')
    throw failure('Model.Refused', 'the model declined to sum the conversation up.');
  if (text === '') throw failure('Model.InvalidResponse', 'the model gave an empty summary.');
  return text;
}

interface ToBuild {
  asked: EditedConversation;
  nodes: readonly string[];
  range: CompactRange;
  text: string;
  response: ModelResponse;
  version: string;
  route: string;
  made: Pick<CompactionRecord, 'schemaVersion' | 'startedAt' | 'endedAt' | 'attempt' | 'worker' | 'release'>;
}
type Refs = Awaited<ReturnType<ActivityDeps['conversation']['index']>>['refs'];

async function build(
  { store, conversation }: ActivityDeps,
  input: CompactContextInput,
  { workflowId, runId }: Attempt,
  { asked, nodes, range, text, response, version, route, made }: ToBuild,
): Promise<{ record: CompactionRecord; objects: Uint8Array[]; refs: Refs }> {
  const added = addedTo(asked);
  const before = conversation.extend(asked.base, added);
  if (before.head === null) throw failure('Runtime.Unexpected', 'there is no conversation to sum up.');
  const { from, to, messages } = range;
  const summary: UserMessage = summaryMessage(text, { head: before.head, from, to, messages }, range.first);
  const bytes = encodeMessage(summary);
  const message: MessageHead = { hash: store.nameOf(bytes), role: 'user', preview: previewOf(summary) };

  const base = nodeBefore(asked, nodes, from, conversation);
  const rest = [message.hash, ...asked.entries.slice(to).map(({ hash }) => hash)];
  const after = conversation.extend(base, rest);
  if (after.head === null) throw failure('Runtime.Unexpected', 'there is no conversation after the summary.');
  const [earlier, index] = await Promise.all([
    // What the summary covers is read by `recall` and by people: in few round trips too.
    conversation.index(asked.base, added, earlierChainName(workflowId, before.head)),
    conversation.index(base, rest, chainName(workflowId)),
  ]);
  const raw = canonicalJson(response.raw);
  const result: CompactedContext = {
    kind: 'compacted',
    head: after.head,
    message,
    covered: messages,
    usage: response.usage,
    model: route,
  };
  const record: CompactionRecord = {
    kind: 'compaction',
    ...made,
    from: { base: input.base, append: input.append },
    result,
    prompt: version,
    range: { first: range.first, last: range.last },
    raw: [store.nameOf(raw)],
  };
  const length = asked.entries.length;
  return {
    record,
    objects: [...asked.objects, ...before.objects, bytes, ...after.objects, ...earlier.objects, ...index.objects, raw],
    refs: [
      ...earlier.refs,
      ...index.refs,
      { op: 'put', name: headName(workflowId, runId), value: { head: after.head, length, at: made.endedAt } },
    ],
  };
}

/** Head of the entries before the range: stored, or among the nodes that are stored with it. */
function nodeBefore(
  asked: EditedConversation,
  nodes: readonly string[],
  from: number,
  conversation: ActivityDeps['conversation'],
): string | null {
  if (from <= asked.kept) return nodes[from - 1] ?? null;
  const between = asked.entries.slice(asked.kept, from).map(({ hash }) => hash);
  return conversation.extend(asked.base, between).head;
}

async function commit(
  deps: ActivityDeps,
  input: CompactContextInput,
  {
    record,
    objects,
    refs,
    version,
  }: { record: CompactionRecord; objects: Uint8Array[]; refs: Refs; version: number | undefined },
): Promise<CompactionRecord> {
  const records = conversationRecords(deps, input, compactionRecordSchema);
  return await commitCallRecord(records, { value: record, version }, async (write) => {
    const { conflicts } = await deps.store.commit({ objects, refs: [...refs, callRecordWrite(write)] });
    return conflicts.length === 0;
  });
}
