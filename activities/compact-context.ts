// A summary of a range of the conversation, made by the model with a prompt of its own, in the range's place. The originals stay where
// they are: the summary names them.
import type {
  CompactContextInput,
  CompactContextResult,
  CompactedContext,
  ModelWait,
} from '../workflows/contract/activities';
import type { Cost } from '../workflows/contract/cost';
import type { ContextPlan } from '../workflows/contract/context';
import type { Message, MessageHead, UserMessage } from '../workflows/contract/message';
import { compactionRecordSchema, type CompactionRecord } from '../workflows/contract/schemas/call-record';
import { conversationRecords, findCallRecord } from './call-records';
import { SUMMARY_TOKENS_LEAST, type CompactRange } from './context/plan-compact';
import { summaryWithin } from './context/summary-prompt';
import type { ActivityDeps, Attempt, LoadedAgent } from './deps';
import {
  addedTo,
  counterOf,
  loadConversation,
  prune,
  withoutOwn,
  type EditedConversation,
} from './edited-conversation';
import { failure } from './failure';
import { withSpending, type Spending } from './gateway/money/spending';
import { callerOf, sendRequest, type Sent } from './gateway/send-request';
import { withNotices } from './guards/with-notices';
import { summaryOf } from './model-request';
import { ModelWaitError } from './model/model-wait-error';
import type { ModelResponse } from './model/provider';
import { requireAgent } from './require-agent';
import { canonicalJson, encodeMessage, previewOf } from './store';
import { summableRange } from './summable-range';
import { placesOf } from './store/original-messages';
import { chainName, earlierChainName } from './store/ref-names';
import { storeAnswer, withLoser, type Received } from './store-answer';
import { createUnsavedAnswers, unsavedName } from './unsaved-answers';

const UNSAVED = createUnsavedAnswers<CompactionRecord>();

export const compactContext = (
  deps: ActivityDeps,
  input: CompactContextInput,
  attempt: Attempt,
): Promise<CompactContextResult> =>
  withSpending(deps, input, attempt, (spending) => sumUp(deps, input, attempt, spending), input.nanoUsdLeft);

async function sumUp(
  deps: ActivityDeps,
  input: CompactContextInput,
  attempt: Attempt,
  spending: Spending,
): Promise<CompactContextResult> {
  const records = conversationRecords(deps, input, compactionRecordSchema);
  const unsaved = UNSAVED.of(deps.providers);
  const name = unsavedName(input);
  const found = await findCallRecord(records);
  if (found.answer) {
    unsaved.delete(name);
    deps.metrics.reused('model');
    return { ...found.answer.result, reused: true };
  }
  const received = unsaved.get(name) ?? (await ask(deps, input, attempt, spending));
  if ('instead' in received) return received.instead;
  unsaved.set(name, received);
  spending.keeps();
  const kept = await storeAnswer(deps, attempt, records, { received, version: found.version });
  unsaved.delete(name);
  const lost = spending.keptInVain();
  return (await withLoser(deps.store, records, { kept, received: received.record, lost })).result;
}

async function ask(
  deps: ActivityDeps,
  input: CompactContextInput,
  attempt: Attempt,
  spending: Spending,
): Promise<Received<CompactionRecord> | { instead: ModelWait }> {
  const loaded = await requireAgent(deps, input);
  const { context } = loaded.manifest;
  if (!context?.compact)
    throw failure('Model.ContextTooLong', `agent ${input.agent} sums nothing up: it has no such plan.`);
  const stored = await loadConversation(deps, input, attempt);
  // As the model is going to be asked, so that the summary makes room for what it is told; that comes after it, and is not linked here.
  const told = await withNotices(deps, stored, {
    loaded,
    attempt,
    tenant: input.tenant,
    notice: input.notice,
    counted: undefined,
  });
  const toAsk = prune(told, context, loaded, (bytes) => deps.store.nameOf(bytes));
  const range = rangeOf(toAsk, context, loaded, input.refused ?? false);
  const asked = withoutOwn(toAsk);
  const most = transcriptRoom(context, range, loaded);
  const startedAt = deps.now();
  try {
    const { response, cost, route, tried, rawForm } = await summarise(deps, input, attempt, {
      ...{ asked, range, most, loaded, spending },
    });
    return build(deps, input, attempt, {
      ...{
        asked,
        range,
        most,
        rawForm,
        response,
        cost,
        text: textOf(response),
        version: context.compact.prompt.version,
      },
      nodes: stored.nodes,
      count: (message) => counterOf(loaded).count(message),
      route,
      tried,
      spending,
      made: {
        schemaVersion: 1,
        startedAt,
        endedAt: deps.now(),
        attempt: attempt.number,
        worker: deps.worker,
        release: loaded.release,
      },
    });
  } catch (error) {
    if (error instanceof ModelWaitError)
      return { instead: { kind: 'wait', waitUntil: error.waitUntil, reason: error.reason, ...spending.inVain() } };
    throw error;
  }
}

/** @throws ApplicationFailure `Model.ContextTooLong` where nothing can go */
function rangeOf(
  asked: EditedConversation,
  context: ContextPlan,
  loaded: LoadedAgent,
  isRefused: boolean,
): CompactRange {
  const range = summableRange(asked, context, loaded, isRefused);
  if (range) return range;
  const kept = `${asked.entries.length} messages, of which the first, pinned and latest stay`;
  throw failure('Model.ContextTooLong', `the request is too long, and nothing of it can be summed up: ${kept}.`);
}

/** Of the window: what the transcript may take, so that prompt and summary have room beside it. */
const TRANSCRIPT_SHARE = 0.7;
/** Where the window is not known and the whole was refused: half of what is to go is surely less than the whole. */
const REFUSED_SHARE = 0.5;

interface Summarise {
  asked: EditedConversation;
  range: CompactRange;
  /** Tokens of what is to be summed up. */
  most: number;
  loaded: LoadedAgent;
  spending: Spending;
}

function summarise(
  deps: ActivityDeps,
  input: CompactContextInput,
  attempt: Attempt,
  { asked, range, most, loaded, spending }: Summarise,
): Promise<Sent> {
  const messages = asked.entries.slice(range.from, range.to).map(({ message }) => message);
  const { manifest } = loaded;
  return sendRequest(deps, {
    loaded,
    caller: callerOf(input, attempt),
    call: { signal: attempt.signal },
    spending,
    requestTo: (_provider, model) =>
      Promise.resolve(summaryOf(deps, { manifest, messages, first: range.first, most }, model)),
  });
}

/** @throws ApplicationFailure `Model.ContextTooLong` where there is room for nothing */
function transcriptRoom(context: ContextPlan, range: CompactRange, loaded: LoadedAgent): number {
  const prompt = counterOf(loaded).countText(context.compact?.prompt.text ?? '');
  const most = transcriptTokens(context, range, prompt);
  if (most > 0) return most;
  const why = `the prompt for summaries has ${prompt} tokens`;
  throw failure('Model.ContextTooLong', `${why}; the model reads ${context.window}.`);
}

function transcriptTokens(context: ContextPlan, range: CompactRange, prompt: number): number {
  const { window } = context;
  if (window !== undefined) return Math.min(window * TRANSCRIPT_SHARE, window - prompt - SUMMARY_TOKENS_LEAST);
  return isTriggered(context) ? Infinity : range.tokens * REFUSED_SHARE;
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
  most: number;
  rawForm: Sent['rawForm'];
  text: string;
  count(message: Message): number;
  response: ModelResponse;
  cost: Cost;
  version: string;
  route: string;
  tried: Sent['tried'];
  spending: Spending;
  made: Pick<CompactionRecord, 'schemaVersion' | 'startedAt' | 'endedAt' | 'attempt' | 'worker' | 'release'>;
}

function build(
  { store, conversation }: ActivityDeps,
  input: CompactContextInput,
  { workflowId }: Attempt,
  { asked, nodes, range, most, rawForm, text, count, response, version, cost, route, tried, spending, made }: ToBuild,
): Received<CompactionRecord> {
  const added = addedTo(asked);
  const before = conversation.extend(asked.base, added);
  if (before.head === null) throw failure('Runtime.Unexpected', 'there is no conversation to sum up.');
  const { from, to, messages } = range;
  const covers = { head: before.head, from, to, messages };
  const summary: UserMessage = summaryWithin(text, covers, { first: range.first, room: range.room ?? Infinity, count });
  const bytes = encodeMessage(summary);
  const message: MessageHead = { hash: store.nameOf(bytes), role: 'user', preview: previewOf(summary) };

  const { base, between } = beforeRange(asked, nodes, from);
  const rest = [message.hash, ...asked.entries.slice(to).map(({ hash }) => hash)];
  const after = conversation.extend(conversation.extend(base, between).head, rest);
  if (after.head === null) throw failure('Runtime.Unexpected', 'there is no conversation after the summary.');
  const raw = canonicalJson(response.raw);
  const result: CompactedContext = {
    kind: 'compacted',
    head: after.head,
    message,
    covered: messages,
    usage: response.usage,
    cost,
    ...spending.unanswered(),
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
    ...(rawForm === undefined ? {} : { rawForm }),
    request: response.request,
    ...(response.requestId === undefined ? {} : { requestId: response.requestId }),
    ...(most === Infinity ? {} : { transcriptTokens: most }),
    ...(tried ? { tried } : {}),
  };
  return {
    record,
    objects: [...asked.objects, ...before.objects, bytes, ...after.objects, raw],
    head: after.head,
    length: asked.entries.reduce((sum, entry) => sum + placesOf(entry.message), 0),
    chains: [
      // What the summary covers is read by `recall` and by people: in few round trips too.
      { name: earlierChainName(workflowId, before.head), base: asked.base, appended: added },
      { name: chainName(workflowId), base, appended: [...between, ...rest] },
    ],
  };
}

/** The entries before the range: those up to a stored head, and others that are stored with the summary. */
function beforeRange(
  { kept, base, entries }: EditedConversation,
  nodes: readonly string[],
  from: number,
): { base: string | null; between: string[] } {
  if (from <= kept) return { base: nodes[from - 1] ?? null, between: [] };
  return { base, between: entries.slice(kept, from).map(({ hash }) => hash) };
}
