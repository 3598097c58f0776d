// One model call: found again if it was made before, otherwise made, judged and stored, in that order.
//
// Write order: objects, call record and head become durable in one commit before the activity completes. What remains is one
// window, an answer received and not yet stored; the guarantees table in the root README says so.
import type { CallModelInput, CallModelResult, ModelAnswer } from '../workflows/contract/activities';
import type { JsonValue, Message, MessageHead } from '../workflows/contract/message';
import { modelRecordSchema, type ModelRecord } from '../workflows/contract/schemas/call-record';
import { askModel, type Asked } from './ask-model';
import { commitCallRecord, conversationRecords, findCallRecord } from './call-records';
import { placesOf } from './store/original-messages';
import type { ActivityDeps, Attempt } from './deps';
import { addedTo, type EditedConversation } from './edited-conversation';
import { judgeAnswer, type Verdict } from './judge-answer';
import { requireAgent } from './require-agent';
import { canonicalJson, encodeMessage, previewOf } from './store';
import type { RefWrite } from './store/port';
import { callRecordName, chainName, headName } from './store/ref-names';
import { callRecordWrite } from './store/tool-store';
import { createUnsavedAnswers } from './unsaved-answers';

export async function callModel(deps: ActivityDeps, input: CallModelInput, attempt: Attempt): Promise<CallModelResult> {
  const found = await findCallRecord(conversationRecords(deps, input, modelRecordSchema));
  if (found.answer) {
    deps.metrics.reused('model');
    return { ...found.answer.answer, reused: true };
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

interface ToStore extends Made {
  version: number | undefined;
}

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
  const appended = [...addedTo(asked), ...record.answer.messages.map(({ hash }) => hash)];
  const index = await deps.conversation.index(asked.base, appended, chainName(attempt.workflowId));
  const head: RefWrite = {
    op: 'put',
    name: headName(attempt.workflowId, attempt.runId),
    value: {
      head: record.answer.head,
      length: record.position + record.answer.messages.length,
      at: record.endedAt,
    },
  };
  const records = conversationRecords(deps, input, modelRecordSchema);
  return await commitCallRecord(records, { value: record, version }, async (write) => {
    const { conflicts } = await deps.store.commit({
      objects: [...objects, ...index.objects],
      refs: [...index.refs, callRecordWrite(write), head],
    });
    return conflicts.length === 0;
  });
}
