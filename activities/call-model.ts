// One model call: found again if it was made before, otherwise made, judged and stored, in that order.
//
// Write order: objects, call record and head become durable in one commit before the activity completes. What remains is one
// window, an answer received and not yet stored; the guarantees table in the root README says so.
import type { CallModelInput, CallModelResult, ModelAnswer } from '../workflows/contract/activities';
import type { JsonValue, Message, MessageHead } from '../workflows/contract/message';
import { modelRecordSchema, type ModelRecord } from '../workflows/contract/schemas/call-record';
import { askModel, type Asked } from './ask-model';
import { placesOf } from './store/original-messages';
import type { ActivityDeps, Attempt } from './deps';
import { addedTo, type EditedConversation } from './edited-conversation';
import { failure } from './failure';
import { judgeAnswer, type Verdict } from './judge-answer';
import { requireAgent } from './require-agent';
import { canonicalJson, encodeMessage, previewOf } from './store';
import { callRecordName, chainName, headName } from './store/ref-names';
import { createUnsavedAnswers } from './unsaved-answers';

export async function callModel(deps: ActivityDeps, input: CallModelInput, attempt: Attempt): Promise<CallModelResult> {
  const found = await findRecord(deps, input);
  if (found.answers) {
    deps.metrics.reused('model');
    return { ...found.answers.answer, reused: true };
  }
  const name = `${callRecordName(input.key)} ${input.base} ${input.append.join()}`;
  const unsaved = UNSAVED.of(deps.store);
  const made = unsaved.get(name) ?? (await ask(deps, input, attempt));
  if ('instead' in made) return made.instead;
  unsaved.set(name, made);
  const answer = await store(deps, input, attempt, { ...made, version: found.version });
  unsaved.delete(name);
  return answer;
}

/** What is to be stored of a call. */
interface Made {
  record: ModelRecord;
  objects: Uint8Array[];
  asked: EditedConversation;
}
const UNSAVED = createUnsavedAnswers<Made>();

async function ask(
  deps: ActivityDeps,
  input: CallModelInput,
  attempt: Attempt,
): Promise<Made | { instead: CallModelResult }> {
  const loaded = await requireAgent(deps, input);
  const { provider, model } = deps.providers.resolve(loaded.manifest.model.route[0] ?? '');
  const startedAt = deps.now();
  const asked = await askModel(deps, input, attempt, { loaded, provider, model });
  if ('instead' in asked) return asked;
  const verdict = await judgeAnswer(asked.response, loaded);
  const { record, objects } = build(deps, input, {
    ...asked,
    verdict,
    made: {
      schemaVersion: 1,
      startedAt,
      endedAt: deps.now(),
      attempt: attempt.number,
      worker: deps.worker,
      release: loaded.release,
    },
    route: `${provider.name}/${model}`,
    rawForm: provider.rawItemsForm,
  });
  return { record, objects, asked: asked.asked };
}

interface Found {
  /** Of whatever is kept under the call's key; absent where nothing is. */
  version?: number;
  /** A record answers the call it was made for. After a reset the same key may ask for another conversation: that is a new call. */
  answers?: ModelRecord;
}

async function findRecord(deps: ActivityDeps, input: CallModelInput): Promise<Found> {
  const ref = await deps.store.readRef(callRecordName(input.key));
  if (!ref) return {};
  const { success, data } = modelRecordSchema.safeParse(ref.value);
  if (!success) throw failure('Store.ObjectCorrupt', `the call record ${ref.name} is not readable.`);
  const same = data.from.base === input.base && data.from.append.join() === input.append.join();
  return { version: ref.version, ...(same ? { answers: data } : {}) };
}

interface ToBuild extends Asked {
  verdict: Verdict;
  made: Pick<ModelRecord, 'schemaVersion' | 'startedAt' | 'endedAt' | 'attempt' | 'worker' | 'release'>;
  route: string;
  rawForm: string | undefined;
}

function build(
  deps: ActivityDeps,
  input: CallModelInput,
  { response, asked, before, verdict, made, route, rawForm }: ToBuild,
): { record: ModelRecord; objects: Uint8Array[] } {
  const messages = [verdict.message, ...(verdict.reply ? [verdict.reply] : [])];
  const encoded = messages.map(encodeMessage);
  const heads = messages.map((message, at) => headOf(deps, message, encoded[at] ?? new Uint8Array()));
  const after = deps.conversation.extend(
    before.head,
    heads.map((head) => head.hash),
  );
  const raw = canonicalJson(response.raw);
  const output = verdict.output === undefined ? undefined : canonicalOutput(verdict.output);
  const answer: ModelAnswer = {
    kind: 'answer',
    head: after.head,
    messages: heads,
    toolCalls: verdict.toolCalls,
    ...(verdict.problem ? { problem: verdict.problem } : {}),
    ...(output
      ? { output: { hash: deps.store.nameOf(output), bytes: output.length, preview: previewOf(verdict.output ?? '') } }
      : {}),
    usage: response.usage,
    model: route,
    ...(asked.pruned ? { pruned: asked.pruned } : {}),
  };
  const record: ModelRecord = {
    kind: 'model',
    ...made,
    from: { base: input.base, append: input.append },
    answer,
    ...(asked.pruned ? { edited: before.head } : {}),
    position: asked.entries.reduce((sum, { message }) => sum + placesOf(message), 0),
    raw: deps.store.nameOf(raw),
    ...(rawForm === undefined ? {} : { rawForm }),
    finish: response.finish,
    request: response.request,
    ...(response.requestId === undefined ? {} : { requestId: response.requestId }),
  };
  return {
    record,
    objects: [...before.objects, ...encoded, ...after.objects, raw, ...(output ? [output] : [])],
  };
}

const headOf = ({ store }: ActivityDeps, message: Message, bytes: Uint8Array): MessageHead => ({
  hash: store.nameOf(bytes),
  role: message.role,
  preview: previewOf(message),
});

/** Text as it is, anything else as canonical JSON. */
const canonicalOutput = (output: JsonValue): Uint8Array =>
  typeof output === 'string' ? new TextEncoder().encode(output) : canonicalJson(output);

/** A conflict is another attempt of this call, or its execution before a reset: neither comes back this often. */
export const COMMIT_ROUNDS = 5;

interface ToStore extends Made {
  version: number | undefined;
}

/**
 * The first attempt that stores its answer has answered the call: one that was given up and wakes later must not replace what the run
 * goes on with.
 */
async function store(
  deps: ActivityDeps,
  input: CallModelInput,
  attempt: Attempt,
  { record, objects, asked, version }: ToStore,
): Promise<ModelAnswer> {
  await deps.failpoint('store.before-put');
  const { answer } = await commit(deps, input, attempt, { record, objects, asked, version });
  await deps.failpoint('store.after-put');
  // Of this attempt's own answer, whichever was kept: it was paid for.
  deps.metrics.modelCall({
    agent: input.agent,
    model: record.answer.model,
    outcome: record.answer.problem?.type ?? 'ok',
    seconds: (record.endedAt - record.startedAt) / 1000,
    input: record.answer.usage.input,
    output: record.answer.usage.output,
  });
  return answer;
}

/** @returns the record that is kept */
async function commit(
  deps: ActivityDeps,
  input: CallModelInput,
  attempt: Attempt,
  { record, objects, asked, version }: ToStore,
): Promise<ModelRecord> {
  const name = callRecordName(input.key);
  const appended = [...addedTo(asked), ...record.answer.messages.map(({ hash }) => hash)];
  const index = await deps.conversation.index(asked.base, appended, chainName(attempt.workflowId));
  let expected = version;
  for (let round = 1; round <= COMMIT_ROUNDS; round += 1) {
    const { conflicts } = await deps.store.commit({
      objects: [...objects, ...index.objects],
      refs: [
        ...index.refs,
        expected === undefined
          ? { op: 'create', name, value: record }
          : { op: 'compare-and-set', name, version: expected, value: record },
        {
          op: 'put',
          name: headName(attempt.workflowId, attempt.runId),
          value: {
            head: record.answer.head,
            length: record.position + record.answer.messages.length,
            at: record.endedAt,
          },
        },
      ],
    });
    if (conflicts.length === 0) return record;
    const found = await findRecord(deps, input);
    if (found.answers) return found.answers;
    // Of another conversation, from before a reset: it gives way.
    expected = found.version;
  }
  throw recordContended(name);
}

export const recordContended = (name: string): Error =>
  failure('Store.Unavailable', `the call record ${name} keeps being changed by somebody else.`);
